"""Makes the bundled model, all steps in order: ``python -m training.make_starter --help``.

Two runs, each with a recipe of its own; the unlabelled photos are labelled by the model of the
first. The same command again goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_RECIPES = Path(__file__).parent
# On Linux, glibc gives memory back after every step and fetches it again: half of the time.
_ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclass(frozen=True)
class Stage:
    """One command.

    Attributes:
        name: of the file that says that it is done.
        module: what is run.
        arguments: its command line.
        shared: several processes can share the work.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    shared: bool = False


def plan(data: Path, unlabelled: Path, work: Path) -> list[Stage]:
    """All stages in order.

    Args:
        data: labelled photos.
        unlabelled: folder of photos, one person each.
        work: folder for the runs; ``work/starter`` becomes the model.
    """
    more = _more(work, "more")
    return [
        _run(1, data, work, ()),
        _export(data, work, 1, "first", ()),
        _label(unlabelled, work, "first", "more"),
        _run(2, data, work, (*_weights(work, "run-1"), *more)),
        _export(data, work, 2, "starter", more),
    ]


def _weights(work: Path, run: str) -> tuple[str, ...]:
    """What lets a run begin where another ended."""
    return ("--weights", str(work / run / "checkpoint.pt"))


def _more(work: Path, folder: str) -> tuple[str, ...]:
    """Photos that a model has labelled."""
    return ("--more", str(work / folder))


def _recipe(number: int) -> str:
    """Path of the recipe of one of the runs."""
    name = "starter.json" if number == 1 else f"starter-{number}.json"
    return str(_RECIPES / name)


def _run(number: int, data: Path, work: Path, more: tuple[str, ...]) -> Stage:
    out = str(work / f"run-{number}")
    arguments = (str(data), "--recipe", _recipe(number), "--out", out, "--workers", "1", *more)
    return Stage(f"run-{number}", "training.train", arguments, shared=True)


def _export(data: Path, work: Path, number: int, target: str, more: tuple[str, ...]) -> Stage:
    arguments = ("--run", str(work / f"run-{number}"), "--recipe", _recipe(number), *more)
    target_folder = ("--target", str(work / target))
    return Stage(target, "training.export", (str(data), *arguments, *target_folder))


def _label(unlabelled: Path, work: Path, model: str, target: str) -> Stage:
    arguments = (str(unlabelled), "--out", str(work / target), "--model", str(work / model))
    return Stage(target, "training.self_label", arguments)


def command(stage: Stage, processes: int) -> list[str]:
    """The stage's command line."""
    shared: tuple[str, ...] = ()
    if stage.shared and processes > 1:
        shared = ("torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m")
    return [sys.executable, "-m", *shared, stage.module, *stage.arguments]


def carry_out(stages: Sequence[Stage], work: Path, execute: Callable[[Stage], int]) -> int:
    """Execute what is not done yet, up to the first failure.

    Args:
        stages: in order.
        work: a file ``NAME.done`` there says that a stage is done.
        execute: gives the exit status.

    Returns:
        the exit status of the first stage that failed; 0 when all is done.
    """
    work.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        done = work / f"{stage.name}.done"
        if done.exists():
            continue
        print(f"{stage.name}: {stage.module}", flush=True)
        status = execute(stage)
        if status:
            return status
        done.touch()
    return 0


def main() -> None:
    """Parse the command line and go through the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and labels/")
    parser.add_argument("unlabelled", type=Path, help="folder of *.jpg, one person each")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    processes = arguments.processes
    threads = {"OMP_NUM_THREADS": "1"} if processes > 1 else {}
    environment = {**_ENVIRONMENT, **threads, **os.environ}

    def execute(stage: Stage) -> int:
        return subprocess.run(command(stage, processes), env=environment, check=False).returncode

    stages = plan(arguments.data, arguments.unlabelled, arguments.out)
    sys.exit(carry_out(stages, arguments.out, execute))


if __name__ == "__main__":
    main()
