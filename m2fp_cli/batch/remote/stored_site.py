"""The site of a run whose photos, results or output are in a store; see ``batch.site``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.pool import Outcome
from m2fp_cli.batch.remote.delivery import Courier
from m2fp_cli.batch.remote.fetching import Fetcher
from m2fp_cli.batch.remote.lease import Lease
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.state import Publisher, StoredManifest, pull
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import GONE, FileStamp, Stamp, stamp_files
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import M2fpError
from m2fp_cli.layout import OUTPUT_FOLDERS, export_record_name, preview_name
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.steady import SteadyLook
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable


@dataclass(frozen=True)
class StoredOutput:
    """An output in a store, held for a run.

    Attributes:
        mirror: what stands for it here.
        lease: keeps other runs away.
        courier: puts files.
    """

    mirror: Mirror
    lease: Lease
    courier: Courier


class StoredSite:
    """See the module's text."""

    def __init__(
        self,
        tree: OutputTree,
        job: Job,
        shard: Shard | None,
        switch: StopSwitch,
        fetcher: Fetcher,
        output: StoredOutput | None,
        results: Mirror | None,
    ) -> None:
        """Put things together.

        Args:
            tree: the output on this machine, or what stands for it.
            job: what is done.
            shard: the part that is done.
            switch: ends the run early.
            fetcher: brings photos.
            output: where files go; None if that is this machine.
            results: what the job reads of an earlier parse in a store; None if it is not there.
        """
        self._tree, self._job, self._shard, self._switch = tree, job, shard, switch
        self._fetcher, self._output, self._results = fetcher, output, results
        self._stored: dict[str, StoredManifest] = {}
        self._publisher: Publisher | None = None
        self._local: list[Outcome] = []

    def looking(self) -> AbstractContextManager[Look]:
        """The output, or what its store listed."""
        if self._output is None:
            return SteadyLook(self._tree)
        return contextlib.nullcontext(self._output.mirror.listing)

    @property
    def shown(self) -> str:
        """The output, for people."""
        if self._output is None:
            return displayable(self._job.output)
        return displayable(str(self._output.mirror.address))

    def prepare(self, tasks: Iterable[ImageTask]) -> None:
        """Read what the store says about these photos: manifests, results, what is in the way."""
        first = last = None
        for task in tasks:
            first = task.key if first is None or task.key < first else first
            last = task.key if last is None or task.key > last else last
        if self._output is not None:
            self._stored = pull(self._output.mirror, (self._job.name,), self._shard)
            if first is not None and last is not None:
                for folder in self._folders():
                    self._output.mirror.look_up(folder, first=first, last=last)
        if self._results is not None and first is not None and last is not None:
            for folder in _PARSED:
                self._results.look_up(folder, first=first, last=last)

    def stamp(self, task: ImageTask, *, checksum: bool) -> Stamp:
        """The files that the outputs of a photo are made from, as the store listed them."""
        stamps = []
        for path in map(Path, self._job.depends_on(task)):
            if task.origin and path == task.source:
                stamps.append(task.listed or FileStamp(GONE, 0))
                continue
            mirror = self._results
            if mirror is None or not path.is_relative_to(mirror.folder):
                stamps += stamp_files((path,), checksum=checksum)
                continue
            found = mirror.listing.stamp(path.relative_to(mirror.folder).as_posix())
            stamps.append(FileStamp(*found) if found else FileStamp(GONE, 0))
        return tuple(stamps)

    def photo_digest(self, task: ImageTask) -> str:
        """What the job says of a copy; empty if there can be none."""
        try:
            with self._fetcher.fetch_now(task) as local:
                return self._job.photo_digest(local)
        except M2fpError:
            return ""

    def feed(self, tasks: Iterable[ImageTask]) -> Iterator[ImageTask | None]:
        """Photos with their copies."""
        return self._fetcher.feed(tasks, keep_own=self._output is None)

    def deliver(self, outcome: Outcome) -> None:
        """Put what a worker wrote."""
        if self._output is None:
            self._local.append(outcome)
        else:
            task = self._fetcher.original(outcome.report.key)
            self._output.courier.send(outcome, task.may_replace)

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """Photos whose files have arrived, and those that could not be fetched."""
        for outcome in self._all_delivered(all_of_them=all_of_them):
            self._fetcher.release(outcome.report.key)
            yield outcome

    def _all_delivered(self, *, all_of_them: bool) -> Iterator[Outcome]:
        yield from self._fetcher.failed()
        while self._local:
            yield self._local.pop(0)
        if self._output is not None:
            yield from self._output.courier.arrived(
                all_of_them=all_of_them, is_over=lambda: self._switch.is_over
            )

    def remove(self, name: str) -> None:
        """Remove what a run wrote."""
        if self._output is None:
            self._tree.remove(name)
            return
        mirror = self._output.mirror
        mirror.bucket.delete(mirror.name_in_bucket(name))

    def begin(self, manifest: ManifestWriter) -> None:
        """Put what is written to the manifest from now on."""
        if self._output is not None:
            stored = self._stored.get(manifest.name) or StoredManifest(manifest.name)
            self._publisher = Publisher(self._output.mirror, stored, manifest.run)

    def publish(self, *, now: bool = False) -> None:
        """Put the manifest's new lines when it is time, if the output is still held.

        Raises:
            OutputLockedError: another run has taken it.
        """
        if self._publisher is not None and self._output is not None:
            self._output.lease.check()
            self._publisher.publish(now=now)

    def finish(self) -> None:
        """Put the manifest as a whole."""
        if self._publisher is not None:
            self._publisher.finish()
            self._publisher = None

    def close(self) -> None:
        """Stop, and save what lines there are of a run that ended in no good order."""
        if self._publisher is not None:
            with contextlib.suppress(M2fpError):
                self._publisher.publish(now=True)
        self._fetcher.close()
        if self._output is not None:
            self._output.courier.close()

    def _folders(self) -> list[str]:
        """Folders of the output that the job writes to, its state's included."""
        folders = [one.name for one in OUTPUT_FOLDERS if one.job == self._job.name]
        if self._job.name == "report":
            folders.append(preview_name("x").rpartition("/")[0])
        if self._job.name.startswith("export-"):
            export = self._job.name.removeprefix("export-")
            folders.append(export_record_name(export, "x").rpartition("/")[0])
        return folders


_PARSED = ("results", "labels", "people", "tryon")
"""Folders of an earlier parse that jobs read; the report also shows what was tried on."""
