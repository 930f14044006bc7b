"""Looks at a run step by step: shows it, judges it now and then, ends it when it gets no better."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ModelError
from m2fp_cli.evaluation.confusion import LabelFigures
from m2fp_cli.jsonio import read_json
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.dataset import LabelledPhoto, read_photo
from m2fp_cli.training.display import Display, Moment
from m2fp_cli.training.judging import evaluate_photos
from m2fp_cli.training.trainer import Trainer

_COUNTED = 20  # steps whose time foretells that of the others
PATIENCE = 3  # judgements without a better one, after which the last steps begin


class Judgements:
    """Figures on the held-out photos by the step at which they were taken, kept in a file.

    Step 0 is the model that the run began with.
    """

    def __init__(self, path: Path, labels: LabelSet) -> None:
        """Go on with what the file holds, if there is one.

        Raises:
            ModelError: it holds something else.
        """
        self._path, self._labels = path, labels
        self._counts: dict[int, list[list[int]]] = {}
        try:
            if path.exists():
                for step, counts in read_json(path).items():
                    self._counts[int(step)] = counts
                    self[int(step)]
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise ModelError(f"{path} is damaged ({error}); remove it to judge anew") from error

    def __contains__(self, step: int) -> bool:
        return step in self._counts

    def __getitem__(self, step: int) -> LabelFigures:
        counts = np.asarray(self._counts[step], np.int64)
        if counts.shape != (len(self._labels.part_ids) + 1,) * 2:
            raise ValueError("a table of another size")
        return LabelFigures(counts, self._labels)

    def note(self, step: int, figures: LabelFigures) -> None:
        """Add figures, or replace those of the step."""
        self._counts[step] = figures.counts.tolist()
        text = json.dumps({str(step): counts for step, counts in sorted(self._counts.items())})
        partial = self._path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self._path)

    def curve(self, until: int) -> list[tuple[int, float]]:
        """(step, mean IoU) up to a step."""
        return [(step, self[step].mean_iou) for step in sorted(self._counts) if step <= until]


def best_of(curve: Sequence[tuple[int, float]]) -> int:
    """The step of the best judgement, the first of equals."""
    return max(curve, key=lambda judged: judged[1])[0]


def is_stuck(curve: Sequence[tuple[int, float]]) -> bool:
    """Whether the best judgement is some judgements ago."""
    best = best_of(curve)
    return sum(step > best for step, _ in curve) >= PATIENCE


class Watch:
    """Sees every step of a run; a trainer calls it."""

    def __init__(
        self,
        judgements: Judgements,
        held_out: Callable[[], Iterator[LabelledPhoto]],
        best: Path,
        every: int,
        display: Display,
        stop: Callable[[], bool],
    ) -> None:
        """Judge every ``every`` steps.

        Args:
            judgements: those that were made, step 0 among them; new ones are added.
            held_out: gives the photos to judge on.
            best: folder for the checkpoint that was judged best.
            every: steps between judgements.
            display: shows the run.
            stop: whether the run is to end early; a judgement is then left out.
        """
        self._judgements, self._held_out, self._best = judgements, held_out, best
        self._every, self._display, self._stop = every, display, stop
        self._clock = StepClock()

    def __call__(self, trainer: Trainer, loss: float) -> None:
        """See a step."""
        progress, recipe = trainer.run.progress, trainer.recipe
        self._clock.step()
        if progress.step % self._every == 0 and progress.decay_from is None:
            self.judge(average_parser(trainer), progress.step)
            curve = self._judgements.curve(progress.step)
            if best_of(curve) == progress.step:
                trainer.save(self._best)
            if is_stuck(curve):
                self._display.say("no better for a while: the last steps begin now")
                progress.start_decay()
        total = progress.decay_from
        if total is None:
            total = sum(phase.steps for phase in recipe.phases)
        total += recipe.decay.steps
        left = self._clock.mean * (total - progress.step)
        mean_iou = self._judgements.curve(progress.step)[-1][1]
        self._display.show(Moment(progress.step, total, loss, mean_iou, left))
        self._clock.go_on()

    def judge(self, parser: HumanParser, step: int) -> None:
        """Judge what there is after a step on the held-out photos, unless it was judged already."""
        if step in self._judgements:
            return
        figures = evaluate_photos(parser, self._photos())
        if not self._stop():
            self._judgements.note(step, figures)
            self._display.say(f"step {step}: mean IoU {figures.mean_iou:.1%} on held-out photos")

    def _photos(self) -> Iterator[LabelledPhoto]:
        for photo in self._held_out():
            if self._stop():
                return
            yield photo


class StepClock:
    """How long a step takes: the mean of the last ones, without the first, which compiles code."""

    def __init__(self) -> None:
        """Start."""
        self._spent: list[float] = []
        self.go_on()

    def go_on(self) -> None:
        """Begin the next step."""
        self._began = time.monotonic()

    def step(self) -> None:
        """End a step."""
        self._spent.append(time.monotonic() - self._began)

    @property
    def mean(self) -> float:
        """Seconds a step."""
        counted = self._spent[1:][-_COUNTED:] or self._spent
        return sum(counted) / len(counted)


def average_parser(trainer: Trainer) -> HumanParser:
    """A parser with a copy of a run's averaged weights."""
    return HumanParser.from_network(copy.deepcopy(trainer.run.average).cpu())


def read_photos(folder: Path, names: Sequence[str]) -> Callable[[], Iterator[LabelledPhoto]]:
    """A function that reads photos one after another, at their own size."""
    return lambda: (read_photo(folder, name) for name in names)
