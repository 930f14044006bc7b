"""Photos, and what else a job reads, brought to this machine ahead of the workers.

Reads overlap the work: threads of the parent fetch while workers parse. How much lies on the local
disk is bounded in photos and in bytes; room is given back when a photo's results have arrived.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.remote.mirror import Mirror, as_spool_error
from m2fp_cli.batch.remote.threads import Threads
from m2fp_cli.batch.report import failed_report
from m2fp_cli.batch.stamps import GONE, FileStamp
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.reading import MAX_FILE_BYTES
from m2fp_cli.storage.remote.address import StoreAddress, parse_address
from m2fp_cli.storage.remote.errors import ObjectDeniedError
from m2fp_cli.storage.remote.objects import Bucket

FETCH_THREADS = 8
MOST_PHOTOS = 256
MOST_BYTES = 2 << 30
_LONGEST_NAME = 255
OpenBucket = Callable[[StoreAddress], Bucket]


@dataclass
class _Held:
    """A photo that takes room here.

    Attributes:
        task: as the run knows it.
        size: of the photo in bytes, as it was listed.
        folder: of the photo's copy.
        copies: what else was copied, with the mirrors they are in.
    """

    task: ImageTask
    size: int
    folder: Path
    copies: list[tuple[Mirror, str]]


class Fetcher:
    """Fetches what a job reads; ``feed`` and ``release`` are called by one thread."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        mirrors: Iterable[Mirror],
        open_bucket: OpenBucket,
        wake: Callable[[], None],
    ) -> None:
        """Start the threads.

        Args:
            job: says what it reads.
            folder: for photos; need not exist.
            mirrors: what the job reads in them is fetched, too.
            open_bucket: opens the bucket of a photo.
            wake: called from another thread when a photo has come.
        """
        self._job, self._folder, self._mirrors = job, folder, tuple(mirrors)
        self._open_bucket, self._wake = open_bucket, wake
        self._threads = Threads(FETCH_THREADS)
        self._come: queue.SimpleQueue[ImageTask | Outcome | Exception] = queue.SimpleQueue()
        self._held: dict[str, _Held] = {}
        self._bytes = self._number = self._under_way = 0
        self._failed: deque[Outcome] = deque()
        self._following: ImageTask | None = None
        self._keep_own = False

    def original(self, key: str) -> ImageTask:
        """A photo in work as the run knows it."""
        return self._held[key].task

    def feed(
        self, tasks: Iterable[ImageTask | None], *, keep_own: bool
    ) -> Iterator[ImageTask | None]:
        """Photos with copies here, in the order in which they come; None while there is none.

        Args:
            tasks: the photos; None while the next one is not there yet.
            keep_own: workers write into the output itself, where files of a photo may be; else
                into an empty folder.

        Raises:
            M2fpError: the store fails, or the local disk.
        """
        source, self._keep_own = iter(tasks), keep_own
        has_more = True
        while has_more or self._under_way:
            has_more = has_more and self._start_some(source)
            try:
                come = self._come.get_nowait()
            except queue.Empty:
                yield None
                continue
            self._under_way -= 1
            if isinstance(come, Exception):
                raise come
            if isinstance(come, Outcome):
                self._failed.append(come)
            else:
                yield come

    def failed(self) -> Iterator[Outcome]:
        """Photos that could not be fetched, each once."""
        while self._failed:
            yield self._failed.popleft()

    def release(self, key: str) -> None:
        """A photo is done: remove its copies."""
        held = self._held.pop(key)
        self._bytes -= held.size
        shutil.rmtree(held.folder, ignore_errors=True)
        for mirror, name in held.copies:
            mirror.drop(name)

    def close(self) -> None:
        """Fetch nothing more."""
        self._threads.close()

    @contextlib.contextmanager
    def fetch_now(self, task: ImageTask) -> Iterator[ImageTask]:
        """A photo with its copies here, for a moment.

        Raises:
            M2fpError: it cannot be fetched.
        """
        held = self._hold(task)
        try:
            yield self._fetch(held)
        finally:
            self.release(task.key)

    def _start_some(self, source: Iterator[ImageTask | None]) -> bool:
        """Fetch what there is and what there is room for; whether the source may have more."""
        while True:
            if self._following is None:
                try:
                    self._following = next(source)
                except StopIteration:
                    return False
            if self._following is None or not self._has_room(self._following):
                return True
            self._start(self._following)
            self._following = None

    def _has_room(self, task: ImageTask) -> bool:
        if not self._held:
            return True
        return len(self._held) < MOST_PHOTOS and self._bytes + _size_of(task) <= MOST_BYTES

    def _hold(self, task: ImageTask) -> _Held:
        self._number += 1
        held = _Held(task, _size_of(task), self._folder / f"{self._number}", [])
        path = held.folder / task.path if task.origin else task.source
        local = task._replace(path=str(path))
        for file in dict.fromkeys(map(Path, self._job.depends_on(local))):
            for mirror in self._mirrors:
                if file.is_relative_to(mirror.folder):
                    name = file.relative_to(mirror.folder).as_posix()
                    if mirror.may_have(name):
                        held.copies.append((mirror, name))
        self._held[task.key] = held
        self._bytes += held.size
        return held

    def _start(self, task: ImageTask) -> None:
        held = self._hold(task)
        self._under_way += 1
        if task.origin or held.copies:
            self._threads.submit(self._fetch_or_fail, held)
        else:
            self._come.put(self._for_worker(task))

    def _fetch_or_fail(self, held: _Held) -> None:
        """In a thread: what comes of a photo goes into the queue."""
        come: ImageTask | Outcome | Exception
        try:
            come = self._fetch(held)
        except ImageError as error:
            stamp = held.task.listed or FileStamp(GONE, 0)
            come = Outcome(failed_report(held.task, error), (stamp,), 0)
        except Exception as error:
            come = error
        self._come.put(come)
        self._wake()

    def _fetch(self, held: _Held) -> ImageTask:
        """Copy a photo and what belongs to it; the task as a worker takes it.

        Raises:
            ImageError: this photo cannot be read; others may.
            M2fpError: the store or the local disk fails.
        """
        task = held.task
        if task.origin:
            task = task._replace(path=str(self._fetch_photo(held)))
        for mirror, name in held.copies:
            mirror.fetch(name)
        return self._for_worker(task)

    def _for_worker(self, task: ImageTask) -> ImageTask:
        return task if self._keep_own else task._replace(may_replace=())

    def _fetch_photo(self, held: _Held) -> Path:
        task = held.task
        address = parse_address(task.origin)
        if address is None or len(os.fsencode(task.path)) > _LONGEST_NAME:
            raise ImageError("unsupported", "has a name that is too long for a file")
        if held.size > MAX_FILE_BYTES:
            raise ImageError("too_large", f"is larger than {MAX_FILE_BYTES / 2**20:.4g} MB")
        path = held.folder / task.path
        with as_spool_error(path):
            held.folder.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            try:
                found = self._open_bucket(address).fetch(address.name, path)
            except ObjectDeniedError as error:
                raise ImageError("unreadable", f"cannot be read: {error.why}") from error
            if found is None:
                raise ImageError("vanished", "is not in the store any more")
            os.utime(path, ns=(found.mtime_ns, found.mtime_ns))
        return path


def _size_of(task: ImageTask) -> int:
    return task.listed.size if task.origin and task.listed is not None else 0
