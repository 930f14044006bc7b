"""The worker process' side of its pipe to the parent, and how such a process is set up."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from m2fp_cli.batch.messages import HeldUp
from m2fp_cli.delays import tell_delays_to
from m2fp_cli.errors import ImageError, M2fpError, lacks_memory

OOM_SCORE_ADJUSTMENT = 500  # the kernel shall take a worker, not the parent
_PR_SET_PDEATHSIG = 1
_SILENT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TEXT_LENGTH = 300


class WorkerLine:
    """The worker's end of the pipe; any thread may talk."""

    def __init__(self, connection: Connection) -> None:
        """Talk over a connection."""
        self._connection, self._lock = connection, threading.Lock()

    def say(self, message: object) -> None:
        """Tell the parent; without a parent there is nothing left to do."""
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            os._exit(1)

    def pass_delays_on(self) -> None:
        """Tell the parent of all delays of this process."""
        tell_delays_to(lambda seconds, why: self.say(HeldUp(seconds, why)))

    def listen(self) -> Any:
        """The parent's next message; None to stop."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            os._exit(1)


def settle_process(threads: int) -> None:
    """Leave signals to the parent, die with it, and be the one whom the kernel kills first."""
    for number in _SILENT_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT), encoding="ascii")
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)


def as_own_error(error: Exception) -> M2fpError:
    """Why a worker could not be built, as an error of ours."""
    if isinstance(error, M2fpError):
        return error
    return M2fpError(f"a worker process cannot start ({_text(error)})")


def as_image_error(error: Exception) -> ImageError:
    """What went wrong with a photo, as its failure."""
    if isinstance(error, ImageError):
        return error
    if lacks_memory(error):
        return ImageError("out_of_memory", "there is not enough memory for it; use fewer --workers")
    return ImageError("internal", f"failed inside m2fp ({_text(error)}); please report this")


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:_TEXT_LENGTH]}"
