"""How long millions of photos take on many cores: a simulation of slices, for ``docs/cluster.md``.

::

    python -m m2fp_cli.bench.scale m2fp-out --core-seconds 3

It takes the spread of the photos' times from the manifest of an output, and shares slices out to
processes as a scheduler does: each free process takes the next slice. First one process lists all
photos. A slice costs its photos, the start of its process, the plan of its photos, and what spot
machines take back: the photos in work, the wait for another machine, and the plan once more, with
the slice's manifest read. Nothing else is shared between processes, so nothing else is modelled.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.batch.history import read_history
from m2fp_cli.errors import M2fpError, NoImagesError
from m2fp_cli.storage.inputs import open_earlier
from m2fp_cli.terminal import counted, displayable, say

CORES = (10, 100, 1_000, 10_000)
SLICE_SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)


@dataclass(frozen=True)
class Scale:
    """What is simulated.

    Attributes:
        photos: how many.
        core_seconds: mean time of a photo on one core.
        process_cores: cores of one process, which works on one slice at a time.
        start_seconds: from the start of a process to its first photo.
        interruptions_per_hour: how often a spot machine is taken back.
        replace_seconds: until another machine goes on with its slice.
        list_seconds: for each photo that is listed, by one process before all slices.
        plan_seconds: for each photo of a slice, to read its line and its entry in the manifest.
        machine_spread: standard deviation of the machines' speeds, as a share of their mean.
        seed: of the random numbers.
    """

    photos: int = 10_000_000
    core_seconds: float = 3.0
    process_cores: int = 8
    start_seconds: float = 20.0
    interruptions_per_hour: float = 0.05
    replace_seconds: float = 180.0
    list_seconds: float = 5.2e-5
    plan_seconds: float = 2e-4
    machine_spread: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a simulated run went.

    Attributes:
        hours: from the start of the listing to the end.
        efficiency: share of the cores' time that went into photos, from the first slice on.
        last_hours: between the first process without a slice and the end.
        interruptions: number of machines that were taken back.
    """

    hours: float
    efficiency: float
    last_hours: float
    interruptions: int


def simulate(scale: Scale, shape: NDArray[np.float64], cores: int, slice_size: int) -> Outcome:
    """Run all slices on so many cores.

    Args:
        scale: what is simulated.
        shape: (N,) times of photos in any unit, from which theirs are drawn.
        cores: all of them together; at least those of one process count.
        slice_size: photos in a slice.
    """
    random = np.random.default_rng(scale.seed)
    count = -(-scale.photos // slice_size)
    sizes = np.full(count, float(slice_size))
    sizes[-1] = scale.photos - slice_size * (count - 1)
    processes = max(1, cores // scale.process_cores)
    mean = scale.core_seconds / scale.process_cores
    # The sum of many photos is normal, whatever the spread of one.
    noise = random.standard_normal(count) * np.sqrt(sizes) * (shape.std() / shape.mean())
    work = np.maximum(sizes + noise, 0.0) * mean
    speeds = np.maximum(1 + scale.machine_spread * random.standard_normal(processes), 0.2)
    speeds /= speeds.mean()
    waits = scale.start_seconds + scale.plan_seconds * sizes
    lost = scale.core_seconds / 2 + scale.replace_seconds + waits

    listed = scale.list_seconds * scale.photos
    free = [(listed, number) for number in range(processes)]
    ends, interruptions = np.full(processes, listed), 0
    for seconds, wait, loss in zip(work, waits, lost, strict=True):
        now, number = heapq.heappop(free)
        busy = wait + seconds / speeds[number]
        times = int(random.poisson(busy * scale.interruptions_per_hour / 3600))
        interruptions += times
        ends[number] = now + busy + times * loss
        heapq.heappush(free, (float(ends[number]), number))
    end = float(ends.max())
    useful = float(work.sum()) / ((end - listed) * processes)
    return Outcome(end / 3600, useful, (end - float(ends.min())) / 3600, interruptions)


def read_shape(output: Path) -> NDArray[np.float64]:
    """Seconds of each photo that is done in an output.

    Raises:
        NoImagesError: there are fewer than two.
        OutputError: its manifest cannot be read.
    """
    with open_earlier(output) as tree:
        entries = read_history(tree).entries
        reports = (entry.report for entry in entries.each())
        seconds = [one.seconds.total for one in reports if one.status.is_good]
    if len(seconds) < 2:
        raise NoImagesError(f"{displayable(output)} has no photos whose times could be taken")
    return np.asarray(seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: hours, efficiency and core-hours a million photos, by cores and slice size."""
    parser = argparse.ArgumentParser(prog="python -m m2fp_cli.bench.scale")
    parser.add_argument("output", type=Path, help="Output of a parse, for the spread of times.")
    for name, value in Scale().__dict__.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=type(value), default=value, help=f"[default: {value}]")
    given = vars(parser.parse_args(arguments))
    try:
        shape = read_shape(given.pop("output"))
    except M2fpError as error:
        parser.exit(error.exit_code, f"m2fp: {error}\n")
    scale = Scale(**given)
    for name, value in given.items():
        say(f"{name.replace('_', ' ')}: {value:,}")
    photos = counted(len(shape), "photo")
    say(f"spread of times: {shape.std() / shape.mean():.2f} of their mean, {photos}")
    say("| cores | photos a slice | hours | of them the end | efficiency | core-hours a million |")
    say("| --- | --- | --- | --- | --- | --- |")
    for cores in CORES:
        for size in SLICE_SIZES:
            one = simulate(scale, shape, cores, size)
            used = scale.core_seconds / 3600 / one.efficiency * 1e6
            say(
                f"| {cores:,} | {size:,} | {one.hours:,.2f} | {one.last_hours:,.2f} | "
                f"{one.efficiency:.1%} | {used:,.0f} |"
            )


if __name__ == "__main__":
    main()
