"""Carries out a recipe: draws scenes, takes steps, writes checkpoints and a log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from m2fp_cli.errors import M2fpError
from m2fp_cli.network.config import parse_config
from m2fp_cli.terminal import say
from m2fp_cli.training.batches import Batch, SceneSamples, load_batches
from m2fp_cli.training.compose import SceneComposer
from m2fp_cli.training.drawing import PoolDrawer
from m2fp_cli.training.losses import Criterion, class_weights
from m2fp_cli.training.ranks import Ranks
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.run import begin_at, build_run, load_run, save_run, take_step
from m2fp_cli.training.schedule import learning_rate
from m2fp_cli.training.sources import mean_frequencies, read_pools
from m2fp_cli.training.start import read_start

_LOG_EVERY = 20
_SIGNAL_SECONDS = 0.5  # in which a signal to all processes reaches this one as well


class Trainer:
    """Runs a recipe until it is done; writes checkpoints and a log as it goes."""

    def __init__(
        self,
        recipe: Recipe,
        roots: Sequence[Path],
        out: Path,
        workers: int,
        start: Sequence[Path] = (),
        watch: Callable[[Trainer, float], None] | None = None,
    ) -> None:
        """Read the photos of the recipe's sources and build or resume the run in ``out``.

        ``watch`` sees the run and the loss of each step; without it the log is also printed.
        """
        self.recipe, self.out, self.workers, self.watch = recipe, out, workers, watch
        self.config = parse_config(recipe.configuration)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.ranks = Ranks.join(self.device)
        labels = self.config.num_parsing
        pools = read_pools(recipe.sources, roots, labels)
        drawer = PoolDrawer(pools, self.mirrored_ids, recipe.height)
        self.composer = SceneComposer(drawer, recipe.odds)
        weights = class_weights(torch.from_numpy(mean_frequencies(pools)).float())
        human = self.config.labels.human_id or labels
        self.criteria = tuple(
            Criterion(weights, human, kind, self.mirrored_ids).to(self.device)
            for kind in (recipe.losses, recipe.late_losses)
        )
        self.run = build_run(recipe, self.config, self.device)
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            load_run(self.run, out / "checkpoint.pt")
        elif start:
            begin_at(self.run, read_start(*start))

    @property
    def mirrored_ids(self) -> tuple[int, ...]:
        """Of every label, the one it is in a mirrored photo."""
        return self.config.labels.mirrored_ids()

    def train(self, save_seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Take steps until the recipe's end.

        Args:
            save_seconds: between checkpoints; one more is written at the end.
            stop: whether to end early; asked after every step.

        Returns:
            whether the recipe is done.

        Raises:
            M2fpError: a process that composes scenes died.
            OutputError: a checkpoint cannot be written.
        """
        try:
            self._take_steps(save_seconds, stop)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            # Who ends all processes of a run at once ends these, too. It may have been amid a step,
            # so what was saved last counts.
            time.sleep(_SIGNAL_SECONDS)
            if stop():
                return False
            raise M2fpError(
                "a process that composes scenes died; make memory free, and run again to go on "
                "where it was saved last"
            ) from error
        if self.ranks.leads:
            self.save()
        return self.run.progress.phase(self.recipe) is None

    def _take_steps(self, save_seconds: float, stop: Callable[[], bool]) -> None:
        saved = time.monotonic()
        progress = self.run.progress
        while not stop() and (phase := progress.phase(self.recipe)) is not None:
            for batch in self._batches(phase):
                self._step(batch)
                if self.ranks.leads and progress.step in self.recipe.keep_at:
                    self.save(self.out / f"step-{progress.step}")
                if self.ranks.leads and time.monotonic() - saved > save_seconds:
                    saved = self.save()
                if progress.step % _LOG_EVERY == 0:
                    self._look_for_decay()
                if stop() or progress.phase(self.recipe) != phase:
                    break

    def _batches(self, phase: Phase) -> Iterator[Batch]:
        """The batches of what is left of a phase."""
        progress = self.run.progress
        samples = SceneSamples(self.composer, phase.size_hw, self.recipe.seed, phase.batch)
        left = progress.steps_left(self.recipe)
        people = self.config.decoder.num_queries - self.config.num_parsing
        return load_batches(samples, progress.step, left, self.workers, self.ranks, people)

    def _step(self, batch: Batch) -> None:
        started = time.monotonic()
        progress = self.run.progress
        criterion = self.criteria[progress.decay_from is not None]
        losses = take_step(self.run, self.recipe, criterion, batch.to(self.device), self.ranks)
        progress.step += 1
        if self.watch is not None:
            self.watch(self, float(losses.total.detach()))
        if self.ranks.leads and progress.step % _LOG_EVERY == 0:
            parts = {name: round(float(value.detach()), 4) for name, value in losses.parts.items()}
            self._log(
                step=progress.step, size=list(batch.images.shape[-2:]),
                seconds=round(time.monotonic() - started, 3),
                lr=round(learning_rate(progress, self.recipe), 6),
                total=round(float(losses.total.detach()), 4), **parts,
            )  # fmt: skip

    def _log(self, **values: Any) -> None:
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self.watch is None:
            say(line)

    def save(self, folder: Path | None = None) -> float:
        """Write a checkpoint, to the run's own folder or to another; gives the time."""
        folder = self.out if folder is None else folder
        folder.mkdir(exist_ok=True)
        save_run(self.run, folder / "checkpoint.pt")
        return time.monotonic()

    def _look_for_decay(self) -> None:
        """A file named ``decay`` in the run's folder starts the last phase."""
        if self.ranks.any((self.out / "decay").exists(), self.device):
            self.run.progress.start_decay()
