"""``HumanParser``: parses one photo in Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

import torch

from m2fp_cli.arrays import Given, Picture, require_photo
from m2fp_cli.engine.candidates import SCORE_FLOOR, View, make_view
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.precision import choose_dtype, rest_dtype
from m2fp_cli.engine.int8.calibration import Calibration, find_calibration
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.postprocess import (
    Findings,
    assemble_findings,
    build_findings,
    build_result,
)
from m2fp_cli.engine.preprocess import mirror_input, prepare_image
from m2fp_cli.engine.tiles.passes import find_in_tiles
from m2fp_cli.engine.tiles.setting import Tiles, check_tiles
from m2fp_cli.kernels.cpu import INT8
from m2fp_cli.kernels.heap import give_back_small_maps
from m2fp_cli.kernels.mkl import choose_mkl_code
from m2fp_cli.kernels.threads import MOST_THREADS, outlive_forks
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.numerals import require_count, require_hw, require_share, require_truth
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import ParsingResult

Result = TypeVar("Result")


@dataclass(frozen=True)
class StageSeconds:
    """Wall-clock seconds of the stages of one parse.

    Attributes:
        preprocess: scaling and normalizing the photo.
        network: the network alone.
        postprocess: from its output to the result.
    """

    preprocess: float
    network: float
    postprocess: float

    def __add__(self, other: StageSeconds) -> StageSeconds:
        """The sum, stage by stage."""
        return StageSeconds(
            self.preprocess + other.preprocess,
            self.network + other.network,
            self.postprocess + other.postprocess,
        )


class Engine(Protocol):
    """What every engine offers: the fast one, the reference and exported networks.

    Attributes:
        config: the numbers of the loaded model.
    """

    config: ModelConfig

    def parse(self, image_bgr: Given, result_hw: tuple[int, int] | None = None) -> ParsingResult:
        """Parse one photo; see ``HumanParser.parse``."""

    @property
    def least_side(self) -> int | None:
        """Pixels along a photo's shorter side that are enough; None if it must come whole."""

    @property
    def last_seconds(self) -> StageSeconds:
        """Stage times of the latest ``parse``; zeros before the first."""


def _rearrange(network: M2FP, precision: str, calibration: Calibration | None) -> FastM2FP:
    """The network as ``precision`` computes it; int8 has a calibration."""
    if calibration is None:
        return FastM2FP(network, choose_dtype(precision))
    return quantize_network(network, calibration.layers, rest_dtype(calibration.rest))


class HumanParser:
    """Parses the people in photos.

    >>> from m2fp_cli import HumanParser                       # doctest: +SKIP
    >>> result = HumanParser("starter").parse(image_bgr)       # doctest: +SKIP
    >>> result.semantic_map.shape, len(result.people)          # doctest: +SKIP
    ((900, 1200), 4)
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        min_score: float = SCORE_FLOOR,
        flip: bool = False,
        precision: str = "fp32",
        threads: int | None = None,
        tiles: Tiles = "off",
    ) -> None:
        """Load a model.

        Args:
            model: a short name (``m2fp``, ``m2fp-single``, ``starter``), a ModelScope id, or a
                folder with ``configuration.json`` and weights; None = ``M2FP_MODEL`` or ``m2fp``.
            min_score: lowest score of a reported instance, in [0, 1].
            flip: also parse the mirrored photo and average both; takes twice the time.
            precision: ``fp32``, ``bf16``, ``int8``, or ``auto``: bfloat16 where the CPU has units
                for it. ``int8`` needs a calibration, see ``m2fp models calibrate``.
            threads: threads used inside one parse, set for the whole process; None leaves torch's
                setting alone.
            tiles: ``auto`` parses the parts of a photo that show small people a second time,
                enlarged; a number, at least 2, parses that many overlapping tiles along the
                shorter side; ``off`` parses the whole photo only, as do models for photos of
                one person.

        Raises:
            TypeError: a number is none, or ``flip`` is neither True nor False.
            ValueError: ``min_score`` or ``threads`` is out of bounds.
            UsageError: the model's or the precision's name is unknown, or ``tiles`` is none of
                these.
            ModelError: the model is missing, damaged, unsafe, of another architecture, or not
                calibrated for int8.
            EngineError: this CPU, or torch on it, cannot compute in bfloat16.
        """
        from m2fp_cli.models.registry import resolve_model

        if threads is not None:
            require_count(threads, "threads", most=MOST_THREADS)
        require_share(min_score, "min_score")
        folder = resolve_model(None if model is None else str(model)).folder
        choose_mkl_code()
        if precision == INT8:
            give_back_small_maps()
        if threads is not None:
            torch.set_num_threads(threads)
        config = read_config(folder)
        calibration = find_calibration(folder) if precision == INT8 else None
        network = _rearrange(build_network(folder, config), precision, calibration)
        self._setup(network, min_score, flip, tiles)

    @classmethod
    def from_network(
        cls,
        network: M2FP,
        *,
        min_score: float = SCORE_FLOOR,
        flip: bool = False,
        precision: str = "fp32",
        tiles: Tiles = "off",
    ) -> HumanParser:
        """A parser around a built network, for tests and checkpoints of your own.

        Args:
            network: the network; it is put into evaluation mode.
            min_score: as in ``HumanParser``.
            flip: as in ``HumanParser``.
            precision: as in ``HumanParser``, without ``int8``; see ``from_fast``.
            tiles: as in ``HumanParser``.

        Raises:
            TypeError, ValueError, UsageError, EngineError: as ``HumanParser``; UsageError for
                ``int8``, too.
        """
        fast = FastM2FP(network.eval(), choose_dtype(precision))
        return cls.from_fast(fast, min_score=min_score, flip=flip, tiles=tiles)

    @classmethod
    def from_fast(
        cls,
        network: FastM2FP,
        *,
        min_score: float = SCORE_FLOOR,
        flip: bool = False,
        tiles: Tiles = "off",
    ) -> HumanParser:
        """A parser around a network that has been rearranged already; see ``from_network``."""
        parser = cls.__new__(cls)
        parser._setup(network, min_score, flip, tiles)
        return parser

    def _setup(self, network: FastM2FP, min_score: float, flip: bool, tiles: Tiles) -> None:
        self.network, self.config = network, network.config
        require_share(min_score, "min_score")
        require_truth(flip, "flip")
        self.min_score, self.flip, self.tiles = min_score, flip, check_tiles(tiles)
        self._seconds = StageSeconds(0.0, 0.0, 0.0)
        outlive_forks()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: the weights' layout is this process's own.

        Raises:
            TypeError: always.
        """
        raise TypeError("a HumanParser cannot be pickled or copied; make one in each process")

    @property
    def labels(self) -> LabelSet:
        """Names of the label ids of this model."""
        return self.config.labels

    @property
    def last_seconds(self) -> StageSeconds:
        """Stage times of the latest ``parse``; zeros before the first."""
        return self._seconds

    @property
    def least_side(self) -> int | None:
        """Pixels along a photo's shorter side that are enough: twice what the network sees.

        With tiles, which look at the photo's own pixels, it must come whole.
        """
        if self.tiles != "off":
            return None
        return 2 * max(self.config.input.crop_hw or (self.config.input.min_size,))

    def parse(
        self,
        image_bgr: Given,
        result_hw: tuple[int, int] | None = None,
        *,
        min_score: float | None = None,
    ) -> ParsingResult:
        """Parse one photo.

        Args:
            image_bgr: (H, W, 3) uint8, upright, channels blue, green, red as OpenCV reads them.
            result_hw: size of the photo if the picture is a reduced copy of it; None: the
                picture's own.
            min_score: lowest score of a reported instance, in [0, 1]; None for the parser's own.

        Returns:
            Label map, person map and people with their parts, all at the photo's size.

        Raises:
            TypeError: the photo is no array, ``min_score`` no number, or ``result_hw`` no two whole
                numbers.
            ValueError: the array is not (H, W, 3) uint8, or a number is out of bounds.
            ImageError: the model's numbers overflow.
        """
        require_photo(image_bgr)
        hw = None if result_hw is None else require_hw(result_hw, "result_hw")
        self._seconds = StageSeconds(0.0, 0.0, 0.0)
        lowest = self.min_score if min_score is None else min_score
        require_share(lowest, "min_score")
        if self.tiles == "off" or not self.config.parsing_on:
            views = self._look(image_bgr, hw)
            return self._timed(lambda: build_result(views, self.config, lowest, image_bgr))
        photo_hw = hw or (image_bgr.shape[0], image_bgr.shape[1])
        found = find_in_tiles(self._find, image_bgr, photo_hw, self.config, self.tiles, lowest)
        return self._timed(lambda: assemble_findings(found, self.config, image_bgr))

    def _find(self, image_bgr: Picture, photo_hw: tuple[int, int], min_score: float) -> Findings:
        """One pass over a picture, for ``find_in_tiles``."""
        views = self._look(image_bgr, photo_hw)
        return self._timed(lambda: build_findings(views, self.config, min_score))

    def _look(self, image_bgr: Picture, result_hw: tuple[int, int] | None) -> list[View]:
        """Show the network a picture, and its mirror image if the parser flips."""
        start = time.perf_counter()
        prepared = prepare_image(image_bgr, self.config.input, result_hw)
        inputs = [(prepared, False)]
        if self.flip:
            inputs.append((mirror_input(prepared), True))
        prepared_at = time.perf_counter()
        with torch.inference_mode():
            predictions: list[QueryPrediction] = [self.network(item.tensor) for item, _ in inputs]
        predicted_at = time.perf_counter()
        views = [
            make_view(prediction, item, self.config, mirrored=mirrored)
            for prediction, (item, mirrored) in zip(predictions, inputs, strict=True)
        ]
        done_at = time.perf_counter()
        self._seconds += StageSeconds(
            prepared_at - start, predicted_at - prepared_at, done_at - predicted_at
        )
        return views

    def _timed(self, work: Callable[[], Result]) -> Result:
        """Do a step of postprocessing."""
        start = time.perf_counter()
        with torch.inference_mode():
            result = work()
        self._seconds += StageSeconds(0.0, 0.0, time.perf_counter() - start)
        return result
