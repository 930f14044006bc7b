"""How fast results are painted: color maps and overlays, without decoding and encoding.

Run as a module it is one of the processes that paint; the batch engine, too, has one per core.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.bench.child import Child
from m2fp_cli.bench.photos import synthetic_photo
from m2fp_cli.bench.serve import AnswerFunction, serve
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.palette import DEFAULT_SCHEME, SCHEMES
from m2fp_cli.render.maps import PhotoMaps
from m2fp_cli.render.pictures import PaintSettings, paint_pictures

MODULE = "m2fp_cli.bench.paint"
KINDS = ("default", "contours and legend")
_WARM_UP = 3
_PEOPLE = 4
_PERSON_SHARE = 0.4  # of the synthetic label map; the rest is background


@dataclass(frozen=True)
class PaintFigures:
    """Painting by several processes at once.

    Attributes:
        name: what is painted, one of ``KINDS``.
        hw: height and width of the photo.
        workers: processes, one core each.
        seconds: raw samples: seconds per photo in one process.
        rate: photos per second of all processes together.
    """

    name: str
    hw: tuple[int, int]
    workers: int
    seconds: list[float]
    rate: float


def measure_painting(
    hw: tuple[int, int], workers: int, seconds: float, say: Callable[[str], None]
) -> list[PaintFigures]:
    """Paint the same synthetic result over and over.

    Args:
        hw: its height and width.
        workers: processes that paint at the same time.
        seconds: how long, for each of ``KINDS``.
        say: told in a line what is going on.

    Raises:
        EngineError: a process does not start, or ends.
    """
    figures = []
    with contextlib.ExitStack() as stack:
        children = []
        for number in range(workers):
            child = Child(f"painter {number + 1}", MODULE, {"hw": hw}, threads=1)
            stack.callback(child.close)
            children.append(child)
        for kind in KINDS:
            for child in children:
                child.tell({"kind": kind, "seconds": seconds})
            samples = [child.hear()["samples"] for child in children]
            rate = sum(len(own) / sum(own) for own in samples)
            say(f"paint: {kind} of {hw[1]}x{hw[0]}, {rate:.1f} photos/s")
            joined = [sample for own in samples for sample in own]
            figures.append(PaintFigures(kind, hw, workers, joined, rate))
    return figures


def synthetic_maps(hw: tuple[int, int], seed: int = 0) -> PhotoMaps:
    """A label map with the areas and borders of a photo full of people.

    The largest of 19 smooth noises names the label where another noise is high enough.
    """
    generator = np.random.default_rng(seed)

    def noise() -> NDArray[np.float32]:
        cells = generator.random((9, 12), dtype=np.float32)
        picture = Image.fromarray(cells).resize((hw[1], hw[0]), Image.Resampling.BICUBIC)
        return np.asarray(picture)

    labels, best = np.zeros(hw, np.uint8), np.full(hw, -np.inf, np.float32)
    for label in range(1, 20):
        field = noise()
        labels[field > best] = label
        best = np.maximum(best, field)
    person = noise()
    labels[person < np.quantile(person, 1 - _PERSON_SHARE)] = 0
    columns = np.arange(hw[1]) * _PEOPLE // hw[1] + 1
    people = np.where(labels > 0, columns, 0).astype(np.uint16)
    return PhotoMaps(CIHP, labels, people, _PEOPLE)


def settings_of(kind: str) -> PaintSettings:
    """What ``m2fp colorize`` paints by itself, color map and overlay, or with all on top."""
    everything = kind != KINDS[0]
    return PaintSettings(SCHEMES[DEFAULT_SCHEME], contours=everything, legend=everything)


def prepare(order: dict[str, Any]) -> tuple[dict[str, Any], AnswerFunction]:
    """Draw what is painted; see ``serve``."""
    import cv2

    cv2.setNumThreads(1)
    hw = int(order["hw"][0]), int(order["hw"][1])
    maps, image = synthetic_maps(hw), synthetic_photo(*hw)

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        settings = settings_of(question["kind"])
        for _ in range(_WARM_UP):
            paint_pictures(maps, image, settings)
        samples: list[float] = []
        began = time.perf_counter()
        while not samples or time.perf_counter() - began < question["seconds"]:
            start = time.perf_counter()
            paint_pictures(maps, image, settings)
            samples.append(time.perf_counter() - start)
        return {"samples": samples}

    return {}, answer


if __name__ == "__main__":
    serve(prepare)
