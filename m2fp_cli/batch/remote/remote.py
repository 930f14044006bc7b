"""The stores of one command: where they are mirrored on this machine, and a run's site in them."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.listing import PhotoList, open_list
from m2fp_cli.batch.remote.carrier import NoCarrier, StoreCarrier
from m2fp_cli.batch.remote.delivery import Courier
from m2fp_cli.batch.remote.fetching import Fetcher
from m2fp_cli.batch.remote.lease import hold_stored
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.photos import find_stored_photos
from m2fp_cli.batch.remote.state import pull
from m2fp_cli.batch.remote.stored_site import StoredOutput, StoredSite
from m2fp_cli.batch.remote.workplace import make_workplace, remove_workplace
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import NoInputError, UsageError
from m2fp_cli.layout import STATE_FOLDER
from m2fp_cli.storage.remote.address import StoreAddress, parse_address
from m2fp_cli.storage.remote.file import open_object
from m2fp_cli.storage.remote.objects import Bucket
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable


class Remote:
    """Buckets that are open, and a temporary folder for what is in work."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._buckets: dict[StoreAddress, Bucket] = {}
        self._mirrors: dict[StoreAddress, Mirror] = {}
        self._folder: Path | None = None
        self._finalizer: Callable[[], object] | None = None
        self.output: Mirror | None = None
        self.results: Mirror | None = None

    @property
    def is_used(self) -> bool:
        """Whether results are read or written in a store."""
        return self.output is not None or self.results is not None

    def close(self) -> None:
        """Remove what is on this machine; happens by itself when nobody holds this any more."""
        if self._finalizer is not None:
            self._finalizer()

    def open_bucket(self, address: StoreAddress) -> Bucket:
        """The bucket of an address.

        Raises:
            EngineError: the extra is not installed.
            StoreError: a setting of the environment makes no sense.
        """
        if address.root not in self._buckets:
            self._buckets[address.root] = Bucket(address)
        return self._buckets[address.root]

    def output_folder(self, output: Path) -> Path:
        """The folder to write to: the output itself, or what stands for it.

        Raises:
            M2fpError: see ``open_bucket``.
            OutputError: there is no room for a temporary folder.
        """
        address = parse_address(output)
        if address is None:
            return output
        self.output = self._mirror(address)
        return self.output.folder

    def results_folder(self, results: Path) -> Path:
        """The folder to read an earlier parse from: itself, or what stands for it.

        Raises:
            M2fpError: see ``open_bucket``.
            OutputError: there is no room for a temporary folder.
        """
        address = parse_address(results)
        if address is None:
            return results
        self.results = self._mirror(address)
        return self.results.folder

    def is_output(self, address: StoreAddress) -> bool:
        """Whether a place in a store is the output of a run.

        Raises:
            NoImagesError: there is no such bucket.
            StoreError: the store cannot be asked.
        """
        bucket = self.open_bucket(address)
        return any(bucket.is_folder(address.below(name).name) for name in ("results", STATE_FOLDER))

    def open_results(self, results: Path, jobs: Sequence[str] = ("parse",)) -> Mirror:
        """An earlier parse in a store, with its manifests and the names of its results.

        Args:
            results: an address.
            jobs: names of the jobs whose manifests are wanted.

        Raises:
            UsageError: it is not an address.
            StoreError: the store cannot be asked.
        """
        self.results_folder(results)
        if self.results is None:
            raise UsageError(f"{displayable(results)} is not in an object store")
        pull(self.results, jobs)
        return self.results

    @contextlib.contextmanager
    def open_list(self, path: Path) -> Iterator[PhotoList]:
        """Open a list of photos, here or in a store; see ``batch.listing.open_list``.

        Raises:
            NoInputError: it cannot be read.
            OutputError: there is no room for a copy of what is piped in.
            StoreError: the store cannot be asked.
        """
        address = parse_address(path)
        if address is None:
            with open_list(path) as photos:
                yield photos
            return
        found = open_object(self.open_bucket(address), address.name)
        if found is None:
            raise NoInputError(
                f"cannot read the list {displayable(str(address))}: it is not there; name a list "
                "of photos"
            )
        with found[0] as file:
            yield PhotoList(path, file, found[1])

    def find_photos(
        self, inputs: Sequence[Path], *, output: Path | None, rules: ScanRules
    ) -> Scan | None:
        """The photos of inputs in stores; None if the inputs are of this machine.

        Raises:
            UsageError: they are of both.
            NoImagesError: there is no photo.
            StoreError: the store cannot be asked.
        """
        addresses = [one for one in map(parse_address, inputs) if one is not None]
        if not addresses:
            return None
        if len(addresses) < len(inputs):
            raise UsageError("name photos of this machine or of object stores, not both at once")
        place = None if self.output is None else self.output.address
        return find_stored_photos(
            addresses, self.open_bucket, output=place, room=output, rules=rules
        )

    @contextlib.contextmanager
    def open_site(
        self,
        job: Job,
        tree: OutputTree,
        shard: Shard | None,
        switch: StopSwitch,
        *,
        works_here: bool = True,
    ) -> Iterator[StoredSite]:
        """The site of a run, its output held if that is in a store.

        Args:
            job: what is done.
            tree: the output on this machine, or what stands for it.
            shard: the part that is done.
            switch: ends the run early.
            works_here: the workers are processes of this machine.

        Raises:
            OutputLockedError: another run holds it.
            M2fpError: the store cannot be reached or written.
        """
        with contextlib.ExitStack() as stack:
            output, place = None, self._output_of(job)
            if place is not None:
                output = StoredOutput(place, stack.enter_context(hold_stored(place, shard)))
            carrier = self.open_carrier(job, switch) if works_here else NoCarrier()
            looker = self._fetcher(job, "looked-at", switch)
            site = StoredSite(tree, job, shard, carrier, looker, output, self.results)
            stack.callback(site.close)
            yield site

    def open_carrier(self, job: Job, switch: StopSwitch) -> StoreCarrier:
        """What brings photos to workers of this machine and their files into the store.

        Raises:
            OutputError: there is no room for a temporary folder.
        """
        output = self._output_of(job)
        courier = None if output is None else Courier(output, switch.wake)
        fetcher = self._fetcher(job, "photos", switch)
        return StoreCarrier(fetcher, courier, lambda: switch.is_over)

    def _output_of(self, job: Job) -> Mirror | None:
        is_stored = self.output is not None and self.output.folder == job.output
        return self.output if is_stored else None

    def _fetcher(self, job: Job, folder: str, switch: StopSwitch) -> Fetcher:
        mirrors = [] if self.results is None else [self.results]
        return Fetcher(job, self._temporary() / folder, mirrors, self.open_bucket, switch.wake)

    def _mirror(self, address: StoreAddress) -> Mirror:
        if address not in self._mirrors:
            folder = self._temporary() / f"mirror-{len(self._mirrors)}"
            self._mirrors[address] = Mirror(address, self.open_bucket(address), folder)
        return self._mirrors[address]

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder, held = make_workplace()
            self._finalizer = weakref.finalize(self, _clean, self._folder, held, self._mirrors)
        return self._folder


def _clean(folder: Path, held: int, mirrors: dict[StoreAddress, Mirror]) -> None:
    for mirror in mirrors.values():
        mirror.close()
    mirrors.clear()
    remove_workplace(folder, held)
