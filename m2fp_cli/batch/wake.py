"""A pipe to wake somebody who waits for connections."""

from __future__ import annotations

import contextlib
import os


class WakePipe:
    """Becomes readable when somebody calls ``wake``; for ``multiprocessing.connection.wait``."""

    def __init__(self) -> None:
        """Open the pipe."""
        self._waiting, self._waking = os.pipe()
        os.set_blocking(self._waiting, False)
        os.set_blocking(self._waking, False)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._waiting

    def wake(self) -> None:
        """Wake who waits; safe in signal handlers and other threads."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waking, b"!")

    def clear(self) -> None:
        """Take notice of all wake-ups so far."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._waiting, 4096)

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._waiting)
        os.close(self._waking)
