"""What a person sees while photos are parsed; always on stderr.

A terminal gets a live bar: rich's, or tqdm's where the terminal understands no control sequences.
A log file or cron mail gets one plain line per half minute and one per failure. Quiet shows
failures only.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Protocol

from m2fp_cli.batch.report import ImageReport
from m2fp_cli.terminal import counted, displayable, warn

LINE_SECONDS = 30.0
_UNKNOWN = "-:--:--"


class Progress(Protocol):
    """Shows a run."""

    def start(self, total: int) -> None:
        """The run is about ``total`` photos."""

    def advance(self, report: ImageReport) -> None:
        """One photo ended."""

    def say(self, line: str) -> None:
        """Show one line that is no failure; quiet hides it."""

    def detail(self, line: str) -> None:
        """Show one line that only --verbose wants."""

    def warn(self, line: str) -> None:
        """Show one line that even quiet shows."""

    def tick(self) -> None:
        """Time has passed; called about once a second."""

    def close(self) -> None:
        """The run is over."""


class SilentProgress:
    """Shows nothing at all; for callers that look at the reports."""

    def start(self, total: int) -> None:
        """Show nothing."""

    def advance(self, report: ImageReport) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def detail(self, line: str) -> None:
        """Show nothing."""

    def warn(self, line: str) -> None:
        """Show nothing."""

    def tick(self) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


def choose_progress(*, quiet: bool = False, verbose: bool = False) -> Progress:
    """The display that fits stderr."""
    if quiet:
        return QuietProgress()
    if not sys.stderr.isatty():
        return PlainProgress(verbose=verbose)
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return TqdmProgress(verbose=verbose)
    return RichProgress(verbose=verbose)


def failure_line(report: ImageReport) -> str:
    """One line about a failed photo, safe for a terminal."""
    return f"failed {displayable(report.source)}: {report.message}"


def done_line(report: ImageReport) -> str:
    """One line about a parsed photo."""
    failed = ", failed checks" if report.failed_checks else ""
    people = report.people_text
    seconds = f"{report.seconds.total:.2f} s"
    return f"done {displayable(report.source)}: {people}{', ' * bool(people)}{seconds}{failed}"


class QuietProgress(SilentProgress):
    """Failures and warnings only."""

    def advance(self, report: ImageReport) -> None:
        """Show a failure."""
        if not report.status.is_good:
            warn(failure_line(report))

    def warn(self, line: str) -> None:
        """Show a line."""
        warn(line)


class PlainProgress:
    """Plain lines for logs."""

    def __init__(self, *, verbose: bool = False, every_seconds: float = LINE_SECONDS) -> None:
        """Show a line at most every ``every_seconds``; ``verbose`` adds one per photo."""
        self._verbose, self._every = verbose, every_seconds
        self._total = self._count = 0
        self._started = self._shown_at = time.monotonic()

    def start(self, total: int) -> None:
        """Start the clock."""
        self._total, self._count = total, 0
        self._started = self._shown_at = time.monotonic()

    def advance(self, report: ImageReport) -> None:
        """Show a failure at once, the count when its time has come."""
        self._count += 1
        if not report.status.is_good:
            warn(failure_line(report))
        elif self._verbose:
            warn(done_line(report))
        self.tick()

    def say(self, line: str) -> None:
        """Show a line."""
        warn(line)

    def detail(self, line: str) -> None:
        """Show a line if verbose."""
        if self._verbose:
            warn(line)

    def warn(self, line: str) -> None:
        """Show a line."""
        warn(line)

    def tick(self) -> None:
        """Show the count when its time has come."""
        now = time.monotonic()
        if self._total and now - self._shown_at >= self._every:
            self._shown_at = now
            left = _time_left(now - self._started, self._count, self._total)
            time_left = f", about {left} left" if left else ""
            warn(f"{self._count} of {counted(self._total, 'photo')}{time_left}")

    def close(self) -> None:
        """Show nothing more."""


class TqdmProgress:
    """A bar of plain characters."""

    def __init__(self, *, verbose: bool = False) -> None:
        """Show a bar; ``verbose`` adds one line per photo."""
        self._verbose = verbose
        self._bar: Any = None

    def start(self, total: int) -> None:
        """Show the bar."""
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="photo", file=sys.stderr, ascii=True)

    def advance(self, report: ImageReport) -> None:
        """Move the bar."""
        if not report.status.is_good:
            self.say(failure_line(report))
        elif self._verbose:
            self.say(done_line(report))
        self._bar.update(1)

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        if self._bar is None:
            warn(line)
        else:
            self._bar.write(displayable(line), file=sys.stderr)

    def detail(self, line: str) -> None:
        """Show a line above the bar if verbose."""
        if self._verbose:
            self.say(line)

    def warn(self, line: str) -> None:
        """Show a line above the bar."""
        self.say(line)

    def tick(self) -> None:
        """Let the bar's clock run."""
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


class RichProgress:
    """rich's live bar."""

    def __init__(self, *, verbose: bool = False) -> None:
        """Prepare the bar; ``verbose`` adds one line per photo."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._verbose = verbose
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("in"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]} left"),
            console=self._console,
        )
        self._task: Any = None

    def start(self, total: int) -> None:
        """Show the bar."""
        self._task = self._bar.add_task("photos", total=total, left=_UNKNOWN)
        self._bar.start()

    def advance(self, report: ImageReport) -> None:
        """Move the bar."""
        if not report.status.is_good:
            self._console.print(displayable(failure_line(report)), style="red", soft_wrap=True)
        elif self._verbose:
            self._console.print(displayable(done_line(report)), soft_wrap=True)
        self._bar.advance(self._task)
        self.tick()

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._console.print(displayable(line), soft_wrap=True)

    def detail(self, line: str) -> None:
        """Show a line above the bar if verbose."""
        if self._verbose:
            self.say(line)

    def warn(self, line: str) -> None:
        """Show a line above the bar."""
        self.say(line)

    def tick(self) -> None:
        """Say how much time is left.

        By the mean since the start: rich's own guess is that of the last photos alone, so two
        workers that end their first photos together would promise the end within seconds.
        """
        for task in self._bar.tasks:
            left = _time_left(task.elapsed or 0.0, int(task.completed), int(task.total or 0))
            self._bar.update(task.id, left=left or _UNKNOWN)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


def _time_left(elapsed: float, count: int, total: int) -> str:
    """How long the rest will take; empty before the first photo has ended."""
    return _duration(elapsed / count * (total - count)) if count else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
