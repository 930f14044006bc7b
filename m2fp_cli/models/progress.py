"""The progress of a download: a bar on a terminal, a plain line per half minute elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from m2fp_cli.terminal import say

DownloadProgress = Callable[[str, int, int], None]
"""Called while a file is downloaded, with its name, the bytes so far and the bytes in total."""

LINE_INTERVAL_SECONDS = 30.0
_MB = 1e6


@contextlib.contextmanager
def show_download(
    *, quiet: bool = False, stream: TextIO | None = None
) -> Iterator[DownloadProgress]:
    """Provide a progress function for :func:`m2fp_cli.models.registry.resolve_model`.

    Nothing is shown before the first byte arrives, so it may be used even if no download turns out
    to be needed.

    Args:
        quiet: show nothing.
        stream: where it is shown; None = stderr.
    """
    stream = stream or sys.stderr
    if quiet:
        yield lambda _name, _done, _total: None
    elif stream.isatty():
        with _bar(stream) as report:
            yield report
    else:
        yield _PlainLines(stream)


@contextlib.contextmanager
def _bar(stream: TextIO) -> Iterator[DownloadProgress]:
    """One progress bar for each file."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    # The client's output is suppressed by replacing sys.stderr, so the console gets the stream.
    progress = Progress(
        *columns, console=Console(file=stream), redirect_stderr=False, redirect_stdout=False
    )
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()

    def report(name: str, done: int, total: int) -> None:
        with lock:
            if not tasks:
                progress.start()
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
        progress.update(tasks[name], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            progress.stop()


class _PlainLines:
    """One line when a file starts, and one every half minute after that."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_seconds: dict[str, float] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_seconds.get(name, -LINE_INTERVAL_SECONDS) >= LINE_INTERVAL_SECONDS:
            self._last_seconds[name] = now
            line = f"downloading {name}: {done / _MB:.1f} of {total / _MB:.1f} MB"
            say(line, stream=self._stream)
