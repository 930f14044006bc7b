"""A folder of this machine that stands for a place in a store, and holds only what is in work."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from m2fp_cli.errors import OutputError
from m2fp_cli.storage.errors import ConflictError, as_output_error, edited
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.storage.remote.listing import Listing
from m2fp_cli.storage.remote.objects import LAST_CHARACTER, Bucket
from m2fp_cli.storage.remote.stored_object import StoredObject
from m2fp_cli.storage.tree import OutputTree

_READERS = 16


class Mirror:
    """See the module's text.

    Attributes:
        address: the place.
        bucket: its bucket.
        folder: what stands for it.
        tree: the same, held open.
        listing: what is known to be there, by names relative to the place.
    """

    def __init__(self, address: StoreAddress, bucket: Bucket, folder: Path) -> None:
        """Make the folder."""
        folder.mkdir(parents=True)
        self.address, self.bucket, self.folder = address, bucket, folder
        self.tree = OutputTree(folder)
        self.listing = Listing(self._checksum)
        self._is_listed = False

    def name_in_bucket(self, name: str) -> str:
        """The whole name of an object."""
        return self.address.below(name).name

    def look_up(self, folder: str, *, first: str = "", last: str | None = None) -> None:
        """List a part of a folder.

        Args:
            folder: relative to the place.
            first: names of objects are not before this one, relative to the folder.
            last: nor do they sort behind all names that begin with this one; None for no end.

        Raises:
            StoreError: the store cannot be asked.
        """
        self._is_listed = True
        prefix = self.name_in_bucket(folder)
        after = f"{prefix}/{first[:-1]}" if first else ""
        end = None if last is None else f"{prefix}/{last}{LAST_CHARACTER}"
        self.listing.add(self._relative(self._until(prefix, after, end)))

    def walk(self, folder: str) -> Iterator[StoredObject]:
        """What is in a folder now, with names relative to the place.

        Raises:
            StoreError: the store cannot be asked.
        """
        return self._relative(self.bucket.walk(self.name_in_bucket(folder)))

    def head(self, name: str) -> StoredObject | None:
        """What is under a name now; None if nothing is.

        Raises:
            StoreError: the store cannot be asked.
        """
        found = self.bucket.head(self.name_in_bucket(name))
        return None if found is None else next(self._relative([found]))

    def may_have(self, name: str) -> bool:
        """Whether an object may be there: what was not listed at all may have any."""
        return not self._is_listed or self.listing.has_file(name)

    def _checksum(self, name: str) -> int | None:
        """CRC-32 of an object's bytes, which are fetched; None if there is none.

        Raises:
            StoreError: it cannot be read.
        """
        found = self.bucket.read(self.name_in_bucket(name))
        return None if found is None else zlib.crc32(found[0])

    def _until(self, prefix: str, after: str, end: str | None) -> Iterable[StoredObject]:
        for found in self.bucket.walk(prefix, after=after):
            if end is not None and found.name > end:
                return
            yield found

    def _relative(self, found: Iterable[StoredObject]) -> Iterator[StoredObject]:
        skipped = len(self.address.name) + 1 if self.address.name else 0
        for one in found:
            yield StoredObject(one.name[skipped:], one.size, one.mtime_ns, one.version)

    def fetch(self, name: str) -> bool:
        """Copy an object into the folder, with its time of change; whether there was one.

        Raises:
            StoreError: it cannot be read.
            OutputError: the folder is full.
        """
        path = self.folder / name
        with as_spool_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            found = self.bucket.fetch(self.name_in_bucket(name), path)
            if found is None:
                return False
            os.utime(path, ns=(found.mtime_ns, found.mtime_ns))
        return True

    def fetch_all(self, names: Iterable[str]) -> None:
        """Copy objects into the folder, many at a time; those that are not there are left out.

        Raises:
            StoreError: one cannot be read.
            OutputError: the folder is full.
        """
        with ThreadPoolExecutor(_READERS) as threads:
            for _ in threads.map(self.fetch, names):
                pass

    def put(self, name: str, *, may_replace: bool) -> None:
        """Put a file of the folder into the store.

        Raises:
            ConflictError: there is an object that may not be replaced.
            M2fpError: the store does not take it.
        """
        data = self.tree.read(name)
        whole = self.name_in_bucket(name)
        if may_replace:
            self.bucket.put(whole, data)
        else:
            self.bucket.put_new(whole, data)

    def put_over(self, name: str, written: int | None) -> None:
        """Put a file of the folder in place of what an earlier run put, if that is as it was.

        Args:
            name: of the file.
            written: CRC-32 of what was put; None where that is not known.

        Raises:
            ConflictError: somebody changed the object.
            M2fpError: the store does not take it.
        """
        data, whole = self.tree.read(name), self.name_in_bucket(name)
        there = self._as_before(name, written)
        if there is None:
            self.bucket.put_new(whole, data)
        elif self.bucket.replace(whole, data, there.version) is None:
            raise edited(name)

    def is_edited(self, name: str, written: int | None) -> bool:
        """Whether somebody changed an object since it was listed, or put; see ``put_over``.

        Raises:
            StoreError: the store cannot be asked.
        """
        try:
            self._as_before(name, written)
        except ConflictError:
            return True
        return False

    def _as_before(self, name: str, written: int | None) -> StoredObject | None:
        """An object that is what it was when it was listed, or put; None if there is none.

        It is fetched only where the listing is older, or says nothing.

        Raises:
            ConflictError: somebody changed it.
        """
        there = self.head(name)
        if there is None or self.listing.holds(there):
            return there
        if (self._is_listed or written is not None) and self._checksum(name) != written:
            raise edited(name)
        return there

    def drop(self, name: str) -> None:
        """Remove a file of the folder; the object stays.

        Folders stay: others may be about to write there.
        """
        self.tree.remove(name)

    def close(self) -> None:
        """Let the folder go."""
        self.tree.close()


@contextlib.contextmanager
def as_spool_error(path: Path) -> Iterator[None]:
    """Turn what the system says about a local copy into an error in words."""
    try:
        yield
    except OSError as error:
        found = as_output_error(str(path), error)
        raise OutputError(
            f"{found} (copies of what is in work; set TMPDIR to a folder with more room)"
        ) from error
