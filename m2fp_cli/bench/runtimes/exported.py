"""The same network in ONNX Runtime or OpenVINO, between our own scaling and post-processing.

Only for measuring: how fast is the network where a general runtime executes it? Needs the extra of
that name.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from m2fp_cli.arrays import Picture
from m2fp_cli.deploy.onnx import write_onnx_elsewhere
from m2fp_cli.deploy.runtimes import Runner, start_runtime
from m2fp_cli.engine.candidates import SCORE_FLOOR, make_view
from m2fp_cli.engine.parser import StageSeconds
from m2fp_cli.engine.postprocess import build_result
from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.models.registry import resolve_model
from m2fp_cli.network.config import read_config
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.records.results import ParsingResult


class ExportedParser:
    """Parses like ``HumanParser``; the network is exported at the first photo of each size."""

    def __init__(
        self, model: str | Path, runtime: str, *, precision: str = "fp32", threads: int = 1
    ) -> None:
        """Find the model and the runtime.

        Args:
            model: as for ``HumanParser``.
            runtime: one of ``deploy.runtimes.RUNTIMES``.
            precision: OpenVINO's ``fp32`` or ``bf16``; ONNX Runtime's CPU code knows float32 only.
            threads: cores used inside one parse.

        Raises:
            EngineError: the runtime is not installed.
            ModelError: the model is missing or damaged.
        """
        self.folder = resolve_model(str(model)).folder
        self.config = read_config(self.folder)
        torch.set_num_threads(threads)
        self._start = start_runtime(runtime, precision, threads)
        narrow = runtime == "openvino" and precision == "bf16"
        self.dtype = torch.bfloat16 if narrow else torch.float32
        self._runners: dict[tuple[int, int], Runner] = {}
        self._seconds = StageSeconds(0.0, 0.0, 0.0)

    @property
    def last_seconds(self) -> StageSeconds:
        """Stage times of the latest ``parse``."""
        return self._seconds

    least_side = None

    def parse(self, image_bgr: Picture, result_hw: tuple[int, int] | None = None) -> ParsingResult:
        """Parse one photo; see ``HumanParser.parse``.

        Raises:
            EngineError: the network could not be exported.
        """
        start = time.perf_counter()
        prepared = prepare_image(image_bgr, self.config.input, result_hw)
        prepared_at = time.perf_counter()
        image = prepared.tensor.contiguous().numpy()
        classes, masks = self._runner((image.shape[2], image.shape[3]))(image)
        predicted_at = time.perf_counter()
        prediction = QueryPrediction(torch.from_numpy(classes), torch.from_numpy(masks))
        with torch.inference_mode():
            view = make_view(prediction, prepared, self.config)
            result = build_result([view], self.config, SCORE_FLOOR, image_bgr)
        done_at = time.perf_counter()
        self._seconds = StageSeconds(
            prepared_at - start, predicted_at - prepared_at, done_at - predicted_at
        )
        return result

    def _runner(self, size_hw: tuple[int, int]) -> Runner:
        if size_hw not in self._runners:
            with tempfile.TemporaryDirectory(prefix="m2fp-onnx-") as folder:
                file = Path(folder) / "network.onnx"
                write_onnx_elsewhere(self.folder, size_hw, file)
                self._runners = {size_hw: self._start(file)}  # one size in memory at a time
        return self._runners[size_hw]
