"""How near the network comes to what this torch can do at all: its own matrix product."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from m2fp_cli.bench.child import Child
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.photos import Photo

MODULE = "m2fp_cli.bench.roofline_probe"
STAGES = ("backbone", "pixel decoder", "mask decoder")
TOTAL = "network"


@dataclass(frozen=True)
class RooflineFigures:
    """One photo's network, and the machine's bound.

    Attributes:
        name: of the photo.
        input_hw: size of the network's input.
        dtype: number format of the large products.
        threads: cores.
        flops: operations of the network as defined, by stage, and in all as ``network``.
        seconds: raw samples by stage, and of all as ``network``.
        peak_flops: operations per second of the fastest square matrix product, by number format.
    """

    name: str
    input_hw: tuple[int, int]
    dtype: str
    threads: int
    flops: dict[str, float]
    seconds: dict[str, list[float]]
    peak_flops: dict[str, float]

    def share(self, stage: str) -> float:
        """Share of the peak that a stage reaches."""
        rate = self.flops[stage] / statistics.median(self.seconds[stage])
        return rate / self.peak_flops[self.dtype]


def measure_roofline(
    photos: list[Photo], order: ProbeOrder, folder: Path, seconds: float
) -> Iterator[RooflineFigures]:
    """Measure our engine's network on photos.

    Args:
        photos: of any size.
        order: how to run it.
        folder: for photos on their way to the measuring process.
        seconds: how long each photo is repeated, and each number format's product.

    Raises:
        EngineError: the process does not start, or ends.
    """
    child = Child("roofline", MODULE, {**asdict(order), "seconds": seconds}, order.threads)
    try:
        for photo in photos:
            path = folder / "photo.npy"
            np.save(path, photo.image_bgr)
            said = child.ask({"photo": str(path)})
            yield RooflineFigures(
                name=photo.name,
                input_hw=(said["input_hw"][0], said["input_hw"][1]),
                dtype=child.ready["dtype"],
                threads=order.threads,
                flops=said["flops"],
                seconds=said["seconds"],
                peak_flops=child.ready["peak_flops"],
            )
    finally:
        child.close()
