"""A model's int8 calibration: the ranges of its activations, as a record and as a file.

The file lies in the model's folder, as the bundled model's does, or in ``m2fp-int8`` below the root
of the model cache, under the digest of the weights it was measured with. Torch is not imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from m2fp_cli.errors import ModelError, ModelUnavailableError, OutputError
from m2fp_cli.jsonio import list_of, number_of, object_of, read_json, text_of, whole_of
from m2fp_cli.kernels.cpu import BF16, FP32
from m2fp_cli.models.cache import cache_root
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.storage.beforehand import check_file
from m2fp_cli.storage.writing import write_file
from m2fp_cli.terminal import counted, displayable

FORMAT = "m2fp-int8/2"
_MARK = b'"format": "m2fp-int8/'  # of every version
FILE_NAME = "int8.json"
LEAST_AGREEMENT = 0.985  # of labels with the float network, below which a calibration is refused
_CACHE_FOLDER = "m2fp-int8"
_LARGEST = 1e6  # of an activation
_NARROWEST = 1e-6  # a range below this leaves nothing of its values but zero
_ROOM = 1 << 21  # bytes: the starter's file takes 0.14 MB, ResNet-101 has ten times the channels
_MOST_PHOTOS = 10**6
_MOST_CHANNELS = 1 << 16


class Range(NamedTuple):
    """The values that quantized activations can take; zero is among them.

    Attributes:
        low: the smallest, at most 0.
        high: the largest, at least 0.
    """

    low: float
    high: float

    @property
    def is_empty(self) -> bool:
        """Whether zero is all that fits into it."""
        return self.high - self.low < _NARROWEST


class LayerRanges(NamedTuple):
    """What a layer reads and gives.

    Attributes:
        source: range of its input.
        target: range of its output.
        means: mean of each channel of its input; empty where nothing is corrected by them.
    """

    source: Range
    target: Range
    means: tuple[float, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether a layer with these ranges could read or give nothing but zero."""
        return self.source.is_empty or self.target.is_empty


class Agreement(NamedTuple):
    """How far the answers in int8 are those in float32, on photos that were not calibrated on.

    Attributes:
        photos: how many.
        labels: share of pixels with the same label, mean over the photos.
        people: share of photos with the same number of people.
        scores: mean difference of the scores of people found by both.
    """

    photos: int
    labels: float
    people: float
    scores: float

    def line(self) -> str:
        """One line for a person."""
        photos = counted(self.photos, "photo")
        return (
            f"{photos} not calibrated on: same labels on {self.labels:.2%} of pixels, as many "
            f"people in {self.people:.0%} of photos, scores differ by {self.scores:.3f}"
        )


@dataclass(frozen=True)
class Calibration:
    """What the int8 network needs to know besides the weights.

    Attributes:
        weights: SHA-256 of the weights it was measured with.
        photos: how many photos it was measured on.
        agreement: with the float network; None = not measured.
        layers: ranges of the layers that compute in int8, by their name in ``FastM2FP``.
        rest: number format of the other layers where the CPU has units for it, ``fp32`` or
            ``bf16``; the agreement was measured with it.
    """

    weights: str
    photos: int
    agreement: Agreement | None
    layers: Mapping[str, LayerRanges]
    rest: str = FP32

    def dump(self) -> str:
        """The file's text, a line a layer."""
        head: dict[str, Any] = {"format": FORMAT, "weights": self.weights, "photos": self.photos}
        if self.rest != FP32:
            head["rest"] = self.rest
        if self.agreement is not None:
            head["agreement"] = self.agreement._asdict()
        lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        layers = [
            f"  {json.dumps(name)}: {json.dumps(_layer_document(one))}"
            for name, one in self.layers.items()
        ]
        return "\n".join(["{", *lines, ' "layers": {', ",\n".join(layers), " }", "}", ""])

    def digest(self) -> str:
        """Changes with anything that changes an answer."""
        layers = [[name, _layer_document(one)] for name, one in self.layers.items()]
        rest = [] if self.rest == FP32 else [self.rest]
        text = json.dumps([FORMAT, self.weights, layers, *rest])
        return hashlib.sha256(text.encode()).hexdigest()


def find_calibration(folder: Path) -> Calibration:
    """The calibration of a model's weights: the user's own in the cache, else the model's.

    Args:
        folder: model folder.

    Raises:
        ModelError: there is none for these weights, or its file is damaged.
    """
    weights = weights_digest(folder)
    for path in (_cached_path(weights), folder / FILE_NAME):
        if path is not None and path.exists():
            calibration = read_calibration(path)
            if calibration.weights == weights:
                return calibration
    raise ModelError(
        f"the model in {folder} is not calibrated for int8; run m2fp models calibrate with its "
        "name and a folder of photos, or use --precision fp32"
    )


def store_calibration(calibration: Calibration) -> Path:
    """Write a calibration to the cache, in place of an earlier one of these weights.

    Raises:
        ModelUnavailableError: there is no cache.
        OutputError: it cannot be written.
    """
    path = _path_of(calibration.weights)
    with _advising():
        write_file(path, calibration.dump().encode(), mark=_MARK)
    return path


def check_place(folder: Path) -> None:
    """Find out before the minutes of work whether a model's calibration can be stored.

    Args:
        folder: model folder.

    Raises:
        ModelError: it has no weights.
        ModelUnavailableError: there is no cache.
        OutputError: it cannot be written.
    """
    path = _path_of(weights_digest(folder))
    with _advising():
        check_file(path, _MARK, _ROOM)


@contextlib.contextmanager
def _advising() -> Iterator[None]:
    """Say where else a calibration can be stored: there is no option for it."""
    try:
        yield
    except OutputError as error:
        reason = str(error).partition(";")[0]
        raise OutputError(
            f"{reason}; change that, or set MODELSCOPE_CACHE to a folder that can be written"
        ) from error


def read_calibration(path: Path) -> Calibration:
    """Read a calibration's file, which may come from anywhere.

    Raises:
        ModelError: it cannot be read or is not a calibration.
    """
    try:
        document = read_json(path)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"is not of the format {FORMAT}")
        return _parse(document)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValueError as error:
        reason = str(error)
    raise ModelError(f"{path} {reason}; run m2fp models calibrate again")


def _cached_path(weights: str) -> Path | None:
    try:
        return _path_of(weights)
    except ModelUnavailableError:
        return None


def _path_of(weights: str) -> Path:
    return cache_root() / _CACHE_FOLDER / f"{weights}.json"


def _parse(document: Mapping[str, Any]) -> Calibration:
    layers = object_of(document, "layers")
    return Calibration(
        weights=text_of(document, "weights", most=64),
        photos=whole_of(document, "photos", 1, _MOST_PHOTOS),
        agreement=_parse_agreement(document),
        layers={name: _parse_layer(layers, name) for name in layers},
        rest=_parse_rest(document),
    )


def _parse_rest(document: Mapping[str, Any]) -> str:
    rest = document.get("rest", FP32)
    if rest not in (FP32, BF16):
        raise ValueError(f'"rest" must be {FP32} or {BF16}')
    return str(rest)


def _parse_agreement(document: Mapping[str, Any]) -> Agreement | None:
    if "agreement" not in document:
        return None
    found = object_of(document, "agreement")
    shares = (number_of(found, key, 0, 1) for key in ("labels", "people", "scores"))
    return Agreement(whole_of(found, "photos", 1, _MOST_PHOTOS), *shares)


def _layer_document(one: LayerRanges) -> dict[str, list[float]]:
    ranges = [*one.source, *one.target]
    return {"ranges": ranges, "means": [*one.means]} if one.means else {"ranges": ranges}


def _parse_layer(layers: Mapping[str, Any], name: str) -> LayerRanges:
    layer = object_of(layers, name)
    values = list_of(layer, "ranges", most=4)
    if len(values) != 4:
        raise ValueError('"ranges" must be a list of 4 numbers')
    bounds = [(-_LARGEST, 0), (0, _LARGEST)] * 2
    source_low, source_high, target_low, target_high = (
        number_of({"ranges": value}, "ranges", *bound)
        for value, bound in zip(values, bounds, strict=True)
    )
    listed = list_of(layer, "means", most=_MOST_CHANNELS) if "means" in layer else []
    means = tuple(number_of({"means": value}, "means", -_LARGEST, _LARGEST) for value in listed)
    found = LayerRanges(Range(source_low, source_high), Range(target_low, target_high), means)
    if found.is_empty:
        raise ValueError(f"gives {displayable(name)} an empty range, in which all values become 0")
    return found
