"""What a person sees while a model learns; always on stderr.

A terminal gets a live bar, a log one plain line per half minute; quiet hides all but failures.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Any, Protocol

from m2fp_cli.batch.progress import LINE_SECONDS
from m2fp_cli.terminal import displayable, warn


@dataclass(frozen=True)
class Moment:
    """Where a run is.

    Attributes:
        step: steps taken.
        total: steps in all, if nothing ends it early.
        loss: of the last step.
        mean_iou: on the held-out photos when they were judged last.
        seconds_left: estimate.
    """

    step: int
    total: int
    loss: float
    mean_iou: float
    seconds_left: float

    def line(self) -> str:
        """All of it in one line."""
        return f"step {self.step} of {self.total}, {self.figures()}"

    def figures(self) -> str:
        """All but the steps."""
        minutes, seconds = divmod(round(self.seconds_left), 60)
        held_out = f"mean IoU {self.mean_iou:.1%} on held-out photos"
        return f"loss {self.loss:.2f}, {held_out}, {minutes}:{seconds:02d} left"


class Display(Protocol):
    """Shows a run."""

    def say(self, line: str) -> None:
        """Show a line; quiet hides it."""

    def warn(self, line: str) -> None:
        """Show a line that even quiet shows."""

    def show(self, moment: Moment) -> None:
        """A step was taken."""

    def close(self) -> None:
        """The run is over."""


def choose_display(*, quiet: bool) -> Display:
    """The display that fits stderr."""
    if quiet:
        return QuietDisplay()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return RichDisplay()
    return PlainDisplay()


class QuietDisplay:
    """Failures only."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def warn(self, line: str) -> None:
        """Show a line."""
        warn(line)

    def show(self, moment: Moment) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


class PlainDisplay(QuietDisplay):
    """Plain lines for logs."""

    def __init__(self, every_seconds: float = LINE_SECONDS) -> None:
        """Show where the run is at most every ``every_seconds``."""
        self._every, self._shown_at = every_seconds, time.monotonic()

    def say(self, line: str) -> None:
        """Show a line."""
        warn(line)

    def show(self, moment: Moment) -> None:
        """Show where the run is when its time has come."""
        now = time.monotonic()
        if now - self._shown_at >= self._every:
            self._shown_at = now
            warn(moment.line())


class RichDisplay:
    """rich's live bar."""

    def __init__(self) -> None:
        """Prepare the bar, which appears with the first step."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bar = Progress(
            TextColumn("steps", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
        )
        self._task: Any = None

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._console.print(displayable(line), soft_wrap=True)

    def warn(self, line: str) -> None:
        """Show a line above the bar, in red."""
        self._console.print(displayable(line), style="red", soft_wrap=True)

    def show(self, moment: Moment) -> None:
        """Move the bar."""
        if self._task is None:
            self._task = self._bar.add_task("", total=moment.total)
            self._bar.start()
        self._bar.update(
            self._task,
            completed=moment.step,
            total=moment.total,
            description=moment.figures(),
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()
