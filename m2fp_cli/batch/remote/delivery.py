"""What workers wrote for a photo, put into the store; then the copies here are removed."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.threads import Threads
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.errors import ImageError, M2fpError
from m2fp_cli.storage.edits import OwnFiles
from m2fp_cli.storage.errors import ConflictError, TargetError

PUT_THREADS = 8
_WAIT_SECONDS = 0.5


class Courier:
    """Puts files of one photo in their order, the photos side by side; called by one thread."""

    def __init__(self, mirror: Mirror, wake: Callable[[], None]) -> None:
        """Start the threads.

        Args:
            mirror: the output.
            wake: called from another thread when a photo's files have arrived.
        """
        self._mirror, self._wake = mirror, wake
        self._threads = Threads(PUT_THREADS)
        self._arrived: queue.SimpleQueue[Outcome | M2fpError] = queue.SimpleQueue()
        self._under_way = 0
        self._ready: deque[Outcome] = deque()

    def send(self, outcome: Outcome, may_replace: Collection[str] | None) -> None:
        """Put the files of a photo.

        Args:
            outcome: what became of it; of a photo that failed nothing is put.
            may_replace: names that may be replaced; None for all.
        """
        if not outcome.report.status.is_good:
            files = outcome.report.files
            for name in files:
                self._mirror.drop(name)
            self._ready.append(replace(outcome, report=outcome.report.with_files({})))
            return
        self._under_way += 1
        self._threads.submit(self._put_or_fail, outcome, may_replace)

    def arrived(self, *, all_of_them: bool, is_over: Callable[[], bool]) -> Iterator[Outcome]:
        """Photos whose files have arrived, or could not be put.

        Args:
            all_of_them: wait for those that are under way.
            is_over: ends the waiting.

        Raises:
            M2fpError: the store takes nothing any more.
        """
        while self._ready:
            yield self._ready.popleft()
        while self._under_way and not is_over():
            try:
                come = self._arrived.get(block=all_of_them, timeout=_WAIT_SECONDS)
            except queue.Empty:
                if all_of_them:
                    continue
                return
            self._under_way -= 1
            if isinstance(come, M2fpError):
                raise come
            yield come

    def close(self) -> None:
        """Put nothing more."""
        self._threads.close()

    def _put_or_fail(self, outcome: Outcome, may_replace: Collection[str] | None) -> None:
        """In a thread: what comes of it goes into the queue."""
        come: Outcome | M2fpError
        replaced: list[str] = []
        try:
            self._put(outcome.report.files, may_replace, replaced)
            come = outcome
        except TargetError as error:
            come = replace(outcome, report=_failed(outcome.report, error, replaced))
        except M2fpError as error:
            come = error
        except Exception as error:
            come = M2fpError(f"cannot write to {self._mirror.address}: {error!r}")
        for name in outcome.report.files:
            self._mirror.drop(name)
        self._arrived.put(come)
        self._wake()

    def _put(
        self, names: Collection[str], may_replace: Collection[str] | None, replaced: list[str]
    ) -> None:
        """Put files; a failure takes away again what had a name that nothing had.

        Args:
            names: of the files.
            may_replace: names that may be replaced; None for all.
            replaced: gets those that are put over what was there.
        """
        own = may_replace if isinstance(may_replace, OwnFiles) else {}
        new: list[str] = []
        try:
            for name in names:
                if name in own:
                    self._mirror.put_over(name, own[name])
                else:
                    self._mirror.put(name, may_replace=may_replace is None)
                (new if may_replace is not None and name not in own else replaced).append(name)
        except M2fpError:
            for name in new:
                self._mirror.bucket.delete(self._mirror.name_in_bucket(name))
            raise


def _failed(report: ImageReport, error: TargetError, replaced: Sequence[str]) -> ImageReport:
    """The report of a photo of which a file could not be put; it lists those that were."""
    reason = "conflict" if isinstance(error, ConflictError) else "unwritable"
    known = report.known_checksums
    message = str(ImageError(reason, str(error)))
    failed = report._replace(status=Status.FAILED, reason=reason, message=message)
    return failed.with_files({name: known.get(name) for name in replaced})
