"""Where a run reads photos and puts results: this machine's disks, or an object store.

A run asks its site what is there, takes photos to work on from it, hands it what workers have
written, and notes a photo in the manifest only when the site says that its files have arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.stamps import Stamp, stamp_files
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.edits import is_edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.steady import SteadyLook
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable


class Site(Protocol):
    """See the module's text; used by one thread, the run's."""

    def looking(self) -> AbstractContextManager[Look]:
        """What is in the output, for one pass over all photos."""

    @property
    def shown(self) -> str:
        """The output, for people."""

    def prepare(self, tasks: Iterable[ImageTask]) -> None:
        """Get ready for a run about some photos: called with the output locked."""

    def stamp(self, task: ImageTask, *, checksum: bool) -> Stamp:
        """The files that the outputs of a photo are made from, as they are now."""

    def photo_digest(self, task: ImageTask) -> str:
        """SHA-256 of a photo's bytes; empty if it cannot be known."""

    def feed(self, tasks: Iterable[ImageTask]) -> Iterator[ImageTask | None]:
        """Photos in the form that workers take; None while the next one is not there yet."""

    def deliver(self, outcome: Outcome) -> None:
        """Take what a worker wrote for a photo to where it belongs; may return before it is there.

        Raises:
            M2fpError: nothing can be written any more.
        """

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """Photos whose files have arrived, and those that could not be brought to a worker.

        Args:
            all_of_them: wait until all have.

        Raises:
            M2fpError: nothing can be written any more.
        """

    def has_file(self, name: str) -> bool:
        """Whether a file that an earlier run wrote is in the output."""

    def is_edited(self, name: str, written: int | None) -> bool:
        """Whether somebody changed a file since; ``written``: its CRC-32 then, None if unknown."""

    def remove(self, name: str) -> None:
        """Remove a file that a run wrote."""

    @property
    def is_here(self) -> bool:
        """Whether results are written where the manifest is, and not put into a store."""

    def begin(self, manifest: ManifestWriter) -> None:
        """A run begins to write its manifest."""

    def publish(self, *, now: bool = False) -> None:
        """Let others see the lines of the manifest: at once, or when it is time.

        Raises:
            M2fpError: they cannot be written.
        """

    def finish(self) -> None:
        """The run has ended in good order, and its manifest is complete.

        Raises:
            M2fpError: it cannot be written.
        """


class LocalSite:
    """Folders of this machine: workers read and write where photos and results belong."""

    def __init__(self, tree: OutputTree, job: Job) -> None:
        """Work in an output."""
        self._tree, self._job = tree, job
        self._outcomes: list[Outcome] = []

    def looking(self) -> AbstractContextManager[Look]:
        """The output itself."""
        return SteadyLook(self._tree)

    @property
    def shown(self) -> str:
        """Its path."""
        return displayable(self._job.output)

    def prepare(self, tasks: Iterable[ImageTask]) -> None:
        """Nothing to do."""

    def stamp(self, task: ImageTask, *, checksum: bool) -> Stamp:
        """Of the job's files."""
        return stamp_files(self._job.depends_on(task), checksum=checksum)

    def photo_digest(self, task: ImageTask) -> str:
        """What the job says."""
        return self._job.photo_digest(task)

    def feed(self, tasks: Iterable[ImageTask]) -> Iterator[ImageTask | None]:
        """The photos as they are."""
        return iter(tasks)

    def deliver(self, outcome: Outcome) -> None:
        """The files are in place."""
        self._outcomes.append(outcome)

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """What was delivered since the last time."""
        while self._outcomes:
            yield self._outcomes.pop(0)

    def has_file(self, name: str) -> bool:
        """Whether it is a file of the output."""
        return self._tree.has_file(name)

    def is_edited(self, name: str, written: int | None) -> bool:
        """Whether a file of the output has other bytes."""
        return is_edited(self._tree, name, written)

    def remove(self, name: str) -> None:
        """Remove a file of the output."""
        self._tree.remove(name)

    @property
    def is_here(self) -> bool:
        """They are."""
        return True

    def begin(self, manifest: ManifestWriter) -> None:
        """Nothing to do."""

    def publish(self, *, now: bool = False) -> None:
        """The manifest is where others read it."""

    def finish(self) -> None:
        """Nothing to do."""
