"""The site of a run whose photos, results or output are in a store; see ``batch.site``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.remote.carrier import Carrier
from m2fp_cli.batch.remote.fetching import Fetcher
from m2fp_cli.batch.remote.lease import Lease
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.stamping import stamp_inputs
from m2fp_cli.batch.remote.state import Publisher, StoredManifest, pull
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import Stamp
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import M2fpError
from m2fp_cli.layout import OUTPUT_FOLDERS, export_record_name, preview_name
from m2fp_cli.storage.edits import is_edited
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
    """

    mirror: Mirror
    lease: Lease


class StoredSite:
    """See the module's text."""

    def __init__(
        self,
        tree: OutputTree,
        job: Job,
        shard: Shard | None,
        carrier: Carrier,
        fetcher: Fetcher,
        output: StoredOutput | None,
        results: Mirror | None,
    ) -> None:
        """Put things together.

        Args:
            tree: the output on this machine, or what stands for it.
            job: what is done.
            shard: the part that is done.
            carrier: brings photos and puts files.
            fetcher: brings a photo that this machine itself must look at.
            output: where files go; None if that is this machine.
            results: what the job reads of an earlier parse in a store; None if it is not there.
        """
        self._tree, self._job, self._shard = tree, job, shard
        self._carrier, self._fetcher = carrier, fetcher
        self._output, self._results = output, results
        self._stored: dict[str, StoredManifest] = {}
        self._publisher: Publisher | None = None

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
        return stamp_inputs(self._job, task, self._results, checksum=checksum)

    def photo_digest(self, task: ImageTask) -> str:
        """What the job says of a copy; empty if there can be none."""
        try:
            with self._fetcher.fetch_now(task) as local:
                return self._job.photo_digest(local)
        except M2fpError:
            return ""

    def feed(self, tasks: Iterable[ImageTask]) -> Iterator[ImageTask | None]:
        """Photos with their copies."""
        return self._carrier.feed(tasks)

    def deliver(self, outcome: Outcome) -> None:
        """Put what a worker wrote."""
        self._carrier.deliver(outcome)

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """Photos whose files have arrived, and those that could not be fetched."""
        return self._carrier.delivered(all_of_them=all_of_them)

    def has_file(self, name: str) -> bool:
        """Whether it was there when the run began."""
        look = self._tree if self._output is None else self._output.mirror.listing
        return look.has_file(name)

    def is_edited(self, name: str, written: int | None) -> bool:
        """Whether it has other bytes; of a store's objects, than when the run began."""
        if self._output is None:
            return is_edited(self._tree, name, written)
        return self._output.mirror.is_edited(name, written)

    def remove(self, name: str) -> None:
        """Remove what a run wrote."""
        if self._output is None:
            self._tree.remove(name)
            return
        mirror = self._output.mirror
        mirror.bucket.delete(mirror.name_in_bucket(name))

    @property
    def is_here(self) -> bool:
        """Whether the output is on this machine."""
        return self._output is None

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
        self._carrier.close()
        self._fetcher.close()

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
