"""Inside one worker process: three threads, one photo in each, one pipe to the parent.

The reader loads the next photo while the main thread works on one and the writer saves the last.
The parent never lets more than three photos in, so the queues between them need no bounds. Every
stage is announced before it begins; when the process dies, the parent knows which photos it had in
its hands.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from m2fp_cli.batch.job import Job, Worker
from m2fp_cli.batch.messages import (
    Assignment,
    Finished,
    FromWorker,
    GaveUp,
    Moved,
    Ready,
    Stage,
)
from m2fp_cli.batch.report import ImageReport, failed_report
from m2fp_cli.batch.resources import resident_bytes
from m2fp_cli.batch.stamps import Stamp, stamp_files
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, M2fpError, OutputError
from m2fp_cli.storage.errors import ConflictError, TargetError

OOM_SCORE_ADJUSTMENT = 500  # the kernel shall take a worker, not the parent
_PR_SET_PDEATHSIG = 1
_SILENT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TEXT_LENGTH = 300


def run_worker(connection: Connection, job: Job, threads: int) -> None:
    """Work on photos until the parent says stop or is gone; the target of a worker process."""
    _settle_process(threads)
    line = _Line(connection)
    try:
        worker = job.build_worker(threads)
    except Exception as error:
        line.say(GaveUp(_as_own_error(error), booting=True))
        return
    line.say(Ready())
    _Stages(line, job, worker).run()


@dataclass(frozen=True, eq=False)
class _Held:
    """A photo between two stages; ``value`` is what the worker returned."""

    ticket: int
    task: ImageTask
    stamp: Stamp
    value: Any


class _Line:
    """The worker's end of the pipe; any thread may talk."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def say(self, message: FromWorker) -> None:
        """Tell the parent; without a parent there is nothing left to do."""
        try:
            with self._lock:
                self._connection.send(message)
        except OSError:
            os._exit(1)

    def listen(self) -> Assignment | None:
        """The next photo; None to stop."""
        try:
            message: Assignment | None = self._connection.recv()
        except (EOFError, OSError):
            os._exit(1)
        return message


class _Stages:
    """The three threads of one worker process."""

    def __init__(self, line: _Line, job: Job, worker: Worker) -> None:
        self._line, self._job, self._worker = line, job, worker
        self._loaded: queue.SimpleQueue[_Held | None] = queue.SimpleQueue()
        self._computed: queue.SimpleQueue[_Held | None] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until the parent says stop; what is not yet in the main stage then is dropped."""
        reader = threading.Thread(target=self._read, name="reader", daemon=True)
        writer = threading.Thread(target=self._write, name="writer", daemon=True)
        reader.start()
        writer.start()
        while (held := self._loaded.get()) is not None:
            if not self._stopping.is_set():
                self._pass_on(held, Stage.COMPUTE, self._worker.compute, Stage.COMPUTED)
        self._computed.put(None)
        writer.join()

    def _read(self) -> None:
        while (assignment := self._line.listen()) is not None:
            self._load(assignment.ticket, assignment.task)
        self._stopping.set()
        self._loaded.put(None)

    def _write(self) -> None:
        while (held := self._computed.get()) is not None:
            self._save(held)
            del held  # not to keep the arrays of one photo until the next one ends

    def _load(self, ticket: int, task: ImageTask) -> None:
        self._line.say(Moved(ticket, Stage.LOAD))
        stamp = stamp_files(self._job.depends_on(task), checksum=True)
        held = _Held(ticket, task, stamp, None)
        with self._reporting(held):
            value = self._worker.load(task)
            self._line.say(Moved(ticket, Stage.LOADED))
            self._loaded.put(_Held(ticket, task, stamp, value))

    def _pass_on(
        self, held: _Held, stage: Stage, work: Callable[[ImageTask, Any], Any], done: Stage
    ) -> None:
        self._line.say(Moved(held.ticket, stage))
        with self._reporting(held):
            value = work(held.task, held.value)
            self._line.say(Moved(held.ticket, done))
            self._computed.put(_Held(held.ticket, held.task, held.stamp, value))

    def _save(self, held: _Held) -> None:
        self._line.say(Moved(held.ticket, Stage.SAVE))
        with self._reporting(held):
            self._finish(held, self._worker.save(held.task, held.value))

    @contextlib.contextmanager
    def _reporting(self, held: _Held) -> Iterator[None]:
        """Turn what a stage raises into the photo's report, or the end of this process."""
        try:
            yield
        except TargetError as error:
            reason = "conflict" if isinstance(error, ConflictError) else "unwritable"
            self._fail(held, ImageError(reason, str(error)))
        except OutputError as error:
            self._line.say(GaveUp(error, booting=False))
            os._exit(1)
        except Exception as error:
            self._fail(held, _as_image_error(error))

    def _fail(self, held: _Held, error: ImageError) -> None:
        self._finish(held, failed_report(held.task, error))

    def _finish(self, held: _Held, report: ImageReport) -> None:
        self._line.say(Finished(held.ticket, report, held.stamp, resident_bytes(os.getpid())))


def _settle_process(threads: int) -> None:
    """Leave signals to the parent, die with it, and be the one whom the kernel kills first."""
    for number in _SILENT_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT), encoding="ascii")
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)


def _as_own_error(error: Exception) -> M2fpError:
    if isinstance(error, M2fpError):
        return error
    return M2fpError(f"a worker process cannot start ({_text(error)})")


def _as_image_error(error: Exception) -> ImageError:
    if isinstance(error, ImageError):
        return error
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    ):
        return ImageError("out_of_memory", "there is not enough memory for it; use fewer --workers")
    return ImageError("internal", f"failed inside m2fp ({_text(error)}); please report this")


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:_TEXT_LENGTH]}"
