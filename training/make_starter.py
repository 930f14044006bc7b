"""Makes the bundled model, all steps in order: ``python -m training.make_starter --help``.

Twelve runs, each with a recipe of its own. Between them the model so far labels photos that nobody
labelled, and labels some anew. The same command again goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.training.sources import Source

_RECIPES = Path(__file__).parent
_CORRECTIONS = _RECIPES / "corrections"
_MEAN_WITH = (320, 580)  # steps of the fourth run whose mean with its end is better than each
_OF_THE_FIFTH = 3  # times the end of the fifth run counts beside these three: half of the mean
_OF_THE_SIXTH = 18  # times the end of the sixth run counts beside seven times these six: .3
_OF_THOSE_BEFORE = 7
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


@dataclass(frozen=True)
class Places:
    """Folders and files of the whole.

    Attributes:
        roots: hold the recipes' sources ``ccp``, ``people/...``, ``backgrounds`` and
            ``synthetic-more``.
        pose: ``pose_landmark_heavy.tflite`` of ``@mediapipe/pose``.
        work: for the runs; ``work/starter`` becomes the model.
    """

    roots: tuple[Path, ...]
    pose: Path
    work: Path

    @property
    def made(self) -> Path:
        """The root of the sources that are made on the way."""
        return self.work / "made"

    @property
    def every_root(self) -> tuple[str, ...]:
        """All roots, as arguments."""
        return tuple(str(root) for root in (*self.roots, self.made))

    def find(self, source: str) -> str:
        """Folder of a source that is given."""
        return str(Source(source).find(self.roots))


def plan(places: Places) -> list[Stage]:
    """All stages in order."""
    runs = [places.work / f"run-{number}" for number in range(4, 12)]
    fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh = runs
    copies = [fourth / f"step-{step}" for step in _MEAN_WITH]
    with_fifth = [*[fifth] * (_OF_THE_FIFTH - 1), *copies, fourth]
    with_twelfth = [*[places.work / "run-12"] * 2, *[eleventh] * 3, seventh, eighth, ninth]
    with_sixth = [sixth] * (_OF_THE_SIXTH - 1) + [fifth, *with_fifth] * _OF_THOSE_BEFORE
    return [
        _run(places, 1),
        _export(places, 1, "first"),
        _label_unlabelled(places, "first"),
        _run(places, 2),
        _export(places, 2, "second"),
        _run(places, 3),
        _export(places, 3, "third"),
        _correct(places, "ccp-corrected", places.find("ccp"), "third"),
        _relabel(places, "coco-again", "people/coco", "third", "--skip", "held_out.txt"),
        _relabel(places, "coco_boxes-again", "people/coco_boxes", "third"),
        _run(places, 4),
        _export(places, 4, "fourth", *_also(copies)),
        _run(places, 5, str(places.work / "fourth")),
        _export(places, 5, "fifth", *_also(with_fifth)),
        _run(places, 6, str(places.work / "fifth")),
        _export(places, 6, "sixth", *_also(with_sixth)),
        _correct(places, "ccp-corrected-2", places.find("ccp"), "sixth"),
        _relabel(places, "coco-again-2", "people/coco", "sixth", "--skip", "held_out.txt"),
        _relabel(places, "coco_boxes-again-2", "people/coco_boxes", "sixth"),
        _run(places, 7, str(places.work / "sixth")),
        _run(places, 8, str(places.work / "sixth")),
        _export(places, 8, "eighth", *_also([seventh])),
        _run(places, 9, str(places.work / "eighth")),
        _export(places, 9, "ninth", *_also([seventh, eighth])),
        *_labels_seen_by_eye(places, "ninth"),
        _run(places, 10, str(places.work / "ninth")),
        _export(places, 10, "tenth", *_also([tenth, tenth, seventh, eighth, ninth])),
        _run(places, 11, str(places.work / "tenth")),
        _export(places, 11, "eleventh"),
        _run(places, 12, str(places.work / "eleventh")),
        _export(places, 12, "starter", *_also(with_twelfth)),
    ]


def _labels_seen_by_eye(places: Places, model: str) -> list[Stage]:
    """Labels made anew by a model, and what somebody corrected in them."""
    made, coco, boxes = places.made, "people/coco", "people/coco_boxes"
    street = str(places.work / model), str(Path(places.find("ccp")) / "unlabelled")
    sides = ("--all", "--pose", str(places.pose), "--model", street[0])
    guessed, turned = str(made / "ccp-guessed-2"), str(made / "ccp-guessed-3")
    masks = ("--masks", str(_CORRECTIONS / "coco_boxes_masks.json"), "--boxes", places.find(boxes))
    picked = (str(made / "coco_boxes-read"), *masks, "--out", str(made / "coco_boxes-seen"))
    return [
        _correct(places, "ccp-corrected-3", places.find("ccp"), model),
        Stage(
            "ccp-guessed-2",
            "training.self_label",
            (street[1], "--out", guessed, "--model", street[0]),
        ),
        Stage("ccp-guessed-3", "training.correct", (guessed, *sides, "--out", turned)),
        _read(places, "ccp-guessed-3", "ccp_unlabelled.tsv", "ccp-seen"),
        _read(
            places, "ccp-guessed-3", "ccp_unlabelled.tsv", "ccp-seen-2", "--without", "Dress:Skirt"
        ),
        _relabel(places, "coco-again-3", coco, model, "--skip", "held_out.txt"),
        _read(places, "coco-again-3", "coco.tsv", "coco-seen"),
        _relabel(places, "coco_boxes-again-3", boxes, model),
        _read(places, "coco_boxes-again-3", "coco_boxes.tsv", "coco_boxes-read"),
        Stage("coco_boxes-seen", "training.seen_masks", picked),
    ]


def _read(places: Places, data: str, corrections: str, name: str, *options: str) -> Stage:
    path, out = str(_CORRECTIONS / corrections), str(places.made / name)
    arguments = (str(places.made / data), "--corrections", path, "--out", out, *options)
    return Stage(name, "training.part_corrections", arguments)


def _also(runs: Sequence[Path]) -> list[str]:
    return [word for run in runs for word in ("--also", str(run))]


def _recipe(number: int) -> str:
    """Path of the recipe of one of the runs."""
    name = "starter.json" if number == 1 else f"starter-{number}.json"
    return str(_RECIPES / name)


def _run(places: Places, number: int, model: str = "") -> Stage:
    """A run that begins where the one before it ended, or with a model's weights."""
    out = str(places.work / f"run-{number}")
    before = model or str(places.work / f"run-{number - 1}" / "checkpoint.pt")
    weights = ("--weights", before) if number > 1 else ()
    options = ("--recipe", _recipe(number), "--out", out, "--workers", "1", *weights)
    name = f"run-{number}"
    return Stage(name, "training.train", (*places.every_root, *options), shared=True)


def _export(places: Places, number: int, target: str, *also: str) -> Stage:
    run, folder = str(places.work / f"run-{number}"), str(places.work / target)
    options = ("--run", run, "--recipe", _recipe(number), "--target", folder, *also)
    return Stage(target, "training.export", (*places.every_root, *options))


def _label_unlabelled(places: Places, model: str) -> Stage:
    unlabelled = str(Path(places.find("ccp")) / "unlabelled")
    out, folder = str(places.made / "ccp-guessed"), str(places.work / model)
    arguments = (unlabelled, "--out", out, "--model", folder)
    return Stage("ccp-guessed", "training.self_label", arguments)


def _correct(places: Places, name: str, data: str, model: str) -> Stage:
    out, folder = str(places.made / name), str(places.work / model)
    arguments = (data, "--pose", str(places.pose), "--model", folder, "--out", out)
    return Stage(name, "training.correct", arguments)


def _relabel(places: Places, name: str, source: str, model: str, *options: str) -> Stage:
    out, folder = str(places.made / name), str(places.work / model)
    arguments = (places.find(source), "--model", folder, "--out", out, *options)
    return Stage(name, "training.relabel", arguments)


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
    parser.add_argument("roots", type=Path, nargs="+", help="folders that hold the sources")
    parser.add_argument("--pose", type=Path, required=True, help="pose_landmark_heavy.tflite")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    processes = arguments.processes
    threads = {"OMP_NUM_THREADS": "1"} if processes > 1 else {}
    environment = {**_ENVIRONMENT, **threads, **os.environ}

    def execute(stage: Stage) -> int:
        return subprocess.run(command(stage, processes), env=environment, check=False).returncode

    stages = plan(Places(tuple(arguments.roots), arguments.pose, arguments.out))
    sys.exit(carry_out(stages, arguments.out, execute))


if __name__ == "__main__":
    main()
