"""Inside one worker process: three threads, one photo in each, one pipe to the parent.

The reader loads the next photo while the main thread works on one and the writer saves the last.
The parent never lets more than three photos in, so the queues between them need no bounds. Every
stage is announced before it begins; when the process dies, the parent knows which photos it had in
its hands.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from m2fp_cli.batch.job import Job, Worker
from m2fp_cli.batch.messages import Finished, GaveUp, Moved, Ready, Stage
from m2fp_cli.batch.report import ImageReport, failed_report
from m2fp_cli.batch.resources import resident_bytes
from m2fp_cli.batch.stamps import Stamp, stamp_files
from m2fp_cli.batch.targets import replaced_files
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.worker_line import WorkerLine, as_image_error, as_own_error, settle_process
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.storage.errors import ConflictError, TargetError
from m2fp_cli.storage.tree import OutputTree


def run_worker(connection: Connection, job: Job, threads: int) -> None:
    """Work on photos until the parent says stop or is gone; the target of a worker process."""
    settle_process(threads)
    line = WorkerLine(connection)
    line.pass_delays_on()
    try:
        worker = job.build_worker(threads)
    except Exception as error:
        line.say(GaveUp(as_own_error(error), booting=True))
        return
    line.say(Ready())
    _Stages(line, job, worker).run()


@dataclass(frozen=True, eq=False)
class _PhotoInWork:
    """A photo between two stages; ``value`` is what the worker returned."""

    ticket: int
    task: ImageTask
    stamp: Stamp
    value: Any


class _Stages:
    """The three threads of one worker process."""

    def __init__(self, line: WorkerLine, job: Job, worker: Worker) -> None:
        self._line, self._job, self._worker = line, job, worker
        self._loaded: queue.SimpleQueue[_PhotoInWork | None] = queue.SimpleQueue()
        self._computed: queue.SimpleQueue[_PhotoInWork | None] = queue.SimpleQueue()
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
        held = _PhotoInWork(ticket, task, stamp, None)
        with self._reporting(held):
            value = self._worker.load(task)
            self._line.say(Moved(ticket, Stage.LOADED))
            self._loaded.put(_PhotoInWork(ticket, task, stamp, value))

    def _pass_on(
        self, held: _PhotoInWork, stage: Stage, work: Callable[[ImageTask, Any], Any], done: Stage
    ) -> None:
        self._line.say(Moved(held.ticket, stage))
        with self._reporting(held):
            value = work(held.task, held.value)
            self._line.say(Moved(held.ticket, done))
            self._computed.put(_PhotoInWork(held.ticket, held.task, held.stamp, value))

    def _save(self, held: _PhotoInWork) -> None:
        self._line.say(Moved(held.ticket, Stage.SAVE))
        with self._reporting(held, is_saving=True):
            self._finish(held, self._worker.save(held.task, held.value))

    @contextlib.contextmanager
    def _reporting(self, held: _PhotoInWork, *, is_saving: bool = False) -> Iterator[None]:
        """Turn what a stage raises into the photo's report, or the end of this process."""
        try:
            yield
        except ConflictError as error:
            self._fail(held, ImageError("conflict", str(error)))
        except TargetError as error:
            self._fail(held, ImageError("unwritable", str(error)), is_saving=is_saving)
        except OutputError as error:
            self._line.say(GaveUp(error, booting=False))
            os._exit(1)
        except Exception as error:
            self._fail(held, as_image_error(error), is_saving=is_saving)

    def _fail(self, held: _PhotoInWork, error: ImageError, *, is_saving: bool = False) -> None:
        report = failed_report(held.task, error)
        if is_saving:
            with contextlib.suppress(OutputError), OutputTree(self._job.output) as tree:
                report = report.with_files(replaced_files(self._job, tree, held.task))
        self._finish(held, report)

    def _finish(self, held: _PhotoInWork, report: ImageReport) -> None:
        self._line.say(Finished(held.ticket, report, held.stamp, resident_bytes(os.getpid())))
