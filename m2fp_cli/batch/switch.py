"""Ending a run early: first gently, then at once. Signals are one way to ask for it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from m2fp_cli.batch.wake import WakePipe

DRAIN_SECONDS = 25.0  # Kubernetes kills after 30 s by default
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSwitch:
    """Asks a run to end.

    Attributes:
        signal_number: the first signal that asked; 0 if none did.
        reason: why else it was asked to end; empty if a signal did.
    """

    def __init__(self) -> None:
        """Let the run go on for now."""
        self.signal_number, self.reason = 0, ""
        self._asked_at: float | None = None
        self._deadline: float | None = None
        self._wake = WakePipe()
        self._closing, self._is_closed = threading.Lock(), False

    @property
    def is_draining(self) -> bool:
        """Whether nothing new may be started."""
        return self._asked_at is not None

    @property
    def is_over(self) -> bool:
        """Whether what still goes on must be ended by force."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def drain(self, reason: str) -> None:
        """Start nothing new and end when all that was started has ended."""
        if not self.is_draining:
            self.reason, self._asked_at = reason, time.monotonic()
            self._wake.wake()

    def take_signal(self, number: int, _frame: Any = None) -> None:
        """A signal handler: drain at the first signal, end at once at the second.

        A terminal that is closed sends SIGHUP twice, by the shell and by the kernel; nobody is
        impatient then.
        """
        now = time.monotonic()
        if self.signal_number and number != signal.SIGHUP:
            self._deadline = now
        elif not self.signal_number:
            self.signal_number, self.reason = number, ""
            self._asked_at, self._deadline = now, now + DRAIN_SECONDS
        self._wake.wake()

    def wake(self) -> None:
        """Wake who waits, from any other thread, also one that outlives the run."""
        with self._closing:
            if not self._is_closed:
                self._wake.wake()

    def fileno(self) -> int:
        """A descriptor that becomes readable when somebody asks; for ``connection.wait``."""
        return self._wake.fileno()

    def clear_wake(self) -> None:
        """Take notice of all wake-ups so far."""
        self._wake.clear()

    def close(self) -> None:
        """Give the descriptors back."""
        with self._closing:
            self._is_closed = True
            self._wake.close()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP for the time of a run; main thread only, else nothing.

        A signal that the caller ignores stays ignored: ``nohup`` shall keep its word.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        before = {
            number: handler
            for number, handler in handlers.items()
            if handler not in (signal.SIG_IGN, None)
        }
        for number in before:
            signal.signal(number, self.take_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
