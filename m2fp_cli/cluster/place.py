"""The output of a run, as the parent and the stations of a cluster reach it: a disk or a store."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from m2fp_cli.batch.executor import PoolOrder
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.remote.lease import who_holds_stored
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import EngineError, OutputError
from m2fp_cli.layout import state_name
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.remote.listing import Listing
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A place in a store, and the folder that stands for it where the run was started.

    Attributes:
        address: of the place.
        folder: what the parent's job calls it.
    """

    address: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Stores:
    """What of a run is in object stores, besides photos.

    Attributes:
        output: None if it is on a disk.
        results: an earlier parse that the job reads; None if it is on a disk, or if there is none.
    """

    output: Mirrored | None
    results: Mirrored | None

    def settle(self, job: Job, remote: Remote, host: str) -> Job:
        """Open the stores on a station's machine.

        Args:
            job: the parent's.
            remote: the station's; from now on it stands for these places.
            host: name of the machine.

        Returns:
            the job with the folders of this machine.

        Raises:
            EngineError: the extra is not installed here.
            M2fpError: a store cannot be asked.
            OutputError: there is no room, or nobody holds the output: it is another one.
        """
        moved: dict[Path, Path] = {}
        try:
            if self.results is not None:
                moved[self.results.folder] = remote.results_folder(self.results.address)
            if self.output is not None:
                moved[self.output.folder] = remote.output_folder(self.output.address)
        except EngineError as error:
            raise EngineError(f"{host}: {error}") from error
        if remote.output is not None and not who_holds_stored(remote.output):
            raise OutputError(
                f"{displayable(str(remote.output.address))} on {host} is another place than here; "
                "set the same AWS_ENDPOINT_URL, or what your store has, on all machines"
            )
        return _with_folders(job, moved)


def stores_of(order: PoolOrder) -> Stores | None:
    """What of a run is in object stores; None if all is on disks, the photos too."""
    if order.remote is None:
        return None
    return Stores(_mirrored(order.remote.output), _mirrored(order.remote.results))


def _mirrored(mirror: Mirror | None) -> Mirrored | None:
    return None if mirror is None else Mirrored(Path(str(mirror.address)), mirror.folder)


def _with_folders(job: _Record, moved: dict[Path, Path]) -> _Record:
    """A record whose fields name other folders."""
    record: Any = job
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    there = {name: moved[it] for name, it in values.items() if isinstance(it, Path) and it in moved}
    changed: _Record = replace(record, **there)
    return changed


class Place(Protocol):
    """The output, as the parent reaches it.

    Attributes:
        mark: name of a file by which stations know the output; empty if they need none.
    """

    mark: str

    def show_mark(self) -> None:
        """Have the mark there, with the time of now."""

    def hide_mark(self) -> None:
        """Remove the mark."""

    def look(self, task: ImageTask) -> Look:
        """What is under the names that a photo's work writes to, at this moment."""


class DiskPlace:
    """A folder that all machines share."""

    def __init__(self, tree: OutputTree) -> None:
        """Choose a mark."""
        self._tree = tree
        self.mark = state_name(f".m2fp-{secrets.token_hex(4)}.tmp")

    def show_mark(self) -> None:
        """Write it anew, since old temporaries are swept away."""
        descriptor = self._tree.open_file(self.mark, os.O_WRONLY | os.O_CREAT, create=True)
        with contextlib.closing(os.fdopen(descriptor, "wb")):
            os.utime(descriptor)

    def hide_mark(self) -> None:
        """Remove it."""
        self._tree.remove(self.mark)

    def look(self, task: ImageTask) -> Look:
        """The folder itself."""
        return self._tree


class StorePlace:
    """A place in a store; that a run holds it is the mark."""

    mark = ""

    def __init__(self, job: Job, mirror: Mirror) -> None:
        """Ask the store through a mirror of the parent's."""
        self._job, self._mirror = job, mirror

    def show_mark(self) -> None:
        """Nothing to do."""

    def hide_mark(self) -> None:
        """Nothing to do."""

    def look(self, task: ImageTask) -> Look:
        """Ask the store: what was listed when the run began is not what a lost worker left.

        Raises:
            StoreError: it cannot be asked.
        """
        listing, mirror = Listing(), self._mirror
        for name in self._job.targets(task):
            if name.endswith("/"):
                found = mirror.walk(name.removesuffix("/"))
                listing.add(found)
            else:
                one = mirror.head(name)
                listing.add([] if one is None else [one])
        return listing


def place_of(order: PoolOrder) -> Place:
    """The output of a run."""
    mirror = None if order.remote is None else order.remote.output
    if mirror is None or mirror.folder != order.job.output:
        return DiskPlace(order.tree)
    return StorePlace(order.job, mirror)
