"""The network in ONNX Runtime or OpenVINO; each needs the extra of its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.deploy.onnx import INPUT
from m2fp_cli.errors import EngineError

Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]
Runner = Callable[[NDArray[np.float32]], Arrays]
RUNTIMES = ("onnxruntime", "openvino")


def start_runtime(runtime: str, precision: str, threads: int) -> Callable[[Path], Runner]:
    """What loads an ONNX file into a runtime.

    Args:
        runtime: one of ``RUNTIMES``.
        precision: OpenVINO's ``fp32``, ``bf16`` or ``auto``; ONNX Runtime has float32 only.
        threads: cores that it uses.

    Raises:
        EngineError: it is not installed.
    """
    try:
        if runtime == "openvino":
            return _openvino(precision, threads)
        return _onnxruntime(threads)
    except ImportError as error:
        raise EngineError(
            f"{runtime} is not installed ({error}); pip install 'm2fp[{runtime}]'"
        ) from error


def _onnxruntime(threads: int) -> Callable[[Path], Runner]:
    import onnxruntime

    def start(file: Path) -> Runner:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        return lambda image: tuple(session.run(None, {INPUT: image}))

    return start


def _openvino(precision: str, threads: int) -> Callable[[Path], Runner]:
    import openvino

    # One request at a time, on all the cores it is given; `auto` leaves the format to OpenVINO.
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    formats = {"fp32": "f32", "bf16": "bf16"}
    if precision in formats:
        settings["INFERENCE_PRECISION_HINT"] = formats[precision]

    def start(file: Path) -> Runner:
        request = openvino.Core().compile_model(file, "CPU", settings).create_infer_request()

        def run(image: NDArray[np.float32]) -> Arrays:
            classes, masks = request.infer({INPUT: image}).values()
            return np.array(classes), np.array(masks)  # the request's own memory is used again

        return run

    return start
