"""Photos in object stores, found without opening any; the rules are those of ``batch.scan``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from m2fp_cli.batch.keys import FoundImage, distinct_tails, has_image_suffix, join_key
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.state import pull
from m2fp_cli.batch.scan import name_photos
from m2fp_cli.batch.stamps import FileStamp
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.batch.walk import SYSTEM_FOLDERS, ScanRules
from m2fp_cli.batch.written import written_files
from m2fp_cli.errors import NoImagesError
from m2fp_cli.layout import JOBS, STATE_FOLDER
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.storage.remote.objects import Bucket
from m2fp_cli.storage.remote.stored_object import StoredObject
from m2fp_cli.terminal import displayable

OpenBucket = Callable[[StoreAddress], Bucket]


def find_stored_photos(
    inputs: Sequence[StoreAddress],
    open_bucket: OpenBucket,
    *,
    output: StoreAddress | None = None,
    room: Path | None = None,
    rules: ScanRules | None = None,
) -> Scan:
    """Find the photos of some places in stores, and single photos that are named.

    Folders are what stands between slashes. Hidden names and what runs have written are left out,
    as on a disk.

    Args:
        inputs: order and repetition do not matter.
        open_bucket: opens a bucket.
        output: the run's output, if it is in a store.
        room: the output on this machine, or what stands for it; None if it is not known yet.
        rules: what is taken, and how it is named; None for the defaults.

    Raises:
        NoImagesError: not one photo, or no such bucket.
        StoreError: a store cannot be asked.
    """
    wanted = sorted(set(inputs), key=str)
    search = _Search(open_bucket, rules or ScanRules(), output)
    scan = name_photos(search.photos(wanted), output=room)
    if not scan.tasks and not scan.failures:
        places = ", ".join(displayable(str(one)) for one in wanted[:5])
        hint = "" if search.rules.recursive else "; add -r to look into sub-folders too"
        raise NoImagesError(f"no photo found in {places}{hint}")
    return replace(scan, is_stored=True)


class _Search:
    """One search."""

    def __init__(
        self, open_bucket: OpenBucket, rules: ScanRules, output: StoreAddress | None
    ) -> None:
        self.rules = rules
        self._open_bucket, self._output = open_bucket, output

    def photos(self, inputs: Sequence[StoreAddress]) -> Iterator[FoundImage]:
        """The photos of all inputs, each once."""
        tails = {}
        if len(inputs) > 1:
            paths = {one: Path("/", one.bucket, one.name) for one in inputs}
            found = distinct_tails(paths.values())
            tails = {one: found[path] for one, path in paths.items()}
        seen = NameSet()
        for one in inputs:
            for photo in self._photos_of(one, tails.get(one, "")):
                if len(inputs) == 1 or seen.add(photo.source):
                    yield photo

    def _photos_of(self, address: StoreAddress, prefix: str) -> Iterator[FoundImage]:
        bucket = self._open_bucket(address)
        single = bucket.head(address.name) if address.name else None
        if single is not None and not address.name.endswith("/"):
            yield self._photo(address, single, PurePosixPath(address.name).name)
            return
        skipped = len(address.name) + 1 if address.name else 0
        outputs: dict[str, NameSet] = {}
        for one in self._objects(bucket, address.name):
            place = one.name[skipped:]
            if self._is_photo(address, place, outputs):
                yield self._photo(address, one, join_key(prefix, place))

    def _objects(self, bucket: Bucket, folder: str) -> Iterator[StoredObject]:
        if self.rules.recursive:
            yield from bucket.walk(folder)
            return
        below = len(folder) + 1 if folder else 0
        for one in bucket.walk_flat(folder):
            first, slash, _ = one.name[below:].partition("/")
            if not slash or first == STATE_FOLDER:  # which says what is not a photo
                yield one

    def _photo(self, address: StoreAddress, one: StoredObject, place: str) -> FoundImage:
        source = f"{address.scheme}://{address.bucket}/{one.name}"
        return FoundImage(self.rules.key_place(place), source, FileStamp(one.size, one.mtime_ns))

    def _is_photo(self, root: StoreAddress, place: str, outputs: dict[str, NameSet]) -> bool:
        """Whether an object is taken.

        Args:
            root: the input.
            place: of the object below it.
            outputs: what runs have written, by the place of their output. The names of its state
                come before all others of an output, since a dot sorts before letters.
        """
        folders, _, name = place.rpartition("/")
        parts = folders.split("/") if folders else []
        if STATE_FOLDER in parts:
            above = "/".join(parts[: parts.index(STATE_FOLDER)])
            if above not in outputs:
                outputs[above] = written_to(self._open_bucket, root.below(above) if above else root)
            return False
        if any(one.startswith(".") or one in SYSTEM_FOLDERS for one in parts):
            return False
        if name.startswith(".") or not has_image_suffix(name) or self._is_excluded(place):
            return False
        if self._output is not None and self._is_in_output(root, place):
            return False
        return not any(
            place[len(above) + 1 if above else 0 :] in written
            for above, written in outputs.items()
            if not above or place.startswith(f"{above}/")
        )

    def _is_excluded(self, place: str) -> bool:
        """Whether a rule leaves out the object, or a folder that it lies in."""
        if not self.rules.exclude:
            return False
        parts = place.split("/")
        places = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return any(self.rules.excludes(one) for one in places)

    def _is_in_output(self, root: StoreAddress, place: str) -> bool:
        """Whether an object is below the run's output, and the output below the input."""
        output, here = self._output, root.below(place)
        if output is None or output.root != root.root or output == root:
            return False
        return here.name.startswith(f"{output.name}/") and output.name.startswith(
            f"{root.name}/" if root.name else ""
        )


def written_to(open_bucket: OpenBucket, output: StoreAddress) -> NameSet:
    """Names of all files that runs have written into an output in a store."""
    with tempfile.TemporaryDirectory(prefix="m2fp-") as folder:
        mirror = Mirror(output, open_bucket(output), Path(folder) / "out")
        try:
            pull(mirror, JOBS)
            return written_files(mirror.folder)
        finally:
            mirror.close()
