"""Threads that talk to a store and never keep the process from ending.

An executor's threads are waited for when the interpreter ends; one that waits for a store that does
not answer would hold a second Ctrl-C up for minutes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Threads:
    """A number of threads that make calls; the calls must not raise."""

    def __init__(self, count: int) -> None:
        """Start no thread yet."""
        self._count = count
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a call made as soon as a thread is free."""
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._calls.put((function, arguments))

    def close(self) -> None:
        """Make no more calls; those under way are not waited for."""
        self._is_closed = True
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if not self._is_closed:
                function, arguments = call
                function(*arguments)
