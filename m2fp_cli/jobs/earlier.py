"""The photos of an earlier parse, found by its results.

Coloring, try-on and reports start here when no photo is named.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.history import History, find_manifests, read_history
from m2fp_cli.batch.slices import latest_cuts
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure, make_task
from m2fp_cli.errors import ImageError, NoImagesError, NoInputError
from m2fp_cli.imaging.reading import as_image_error
from m2fp_cli.layout import IMAGE_SUFFIXES, result_name, result_path
from m2fp_cli.records.document import read_document
from m2fp_cli.storage.errors import as_unreadable
from m2fp_cli.storage.inputs import advise_output, open_earlier, require_folder
from m2fp_cli.storage.look import ClosedPlace, Look, OnClosed
from m2fp_cli.storage.spool import Spool, sorted_on_disk
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable


def find_parsed(
    folder: Path, *, photos: Path | None = None, look: Look | None = None, shown: str = ""
) -> Scan:
    """Find the photos that were parsed into a folder.

    Args:
        folder: output of ``m2fp parse``.
        photos: where the photos are now, if they were moved: the folder that was parsed.
        look: what is in the output, where the folder only stands for it.
        shown: the output for people; empty for its path.

    Returns:
        a task per result, sorted by key. Its source is the photo as the manifest knows it, or in
        ``photos``; where neither knows it, the result's own JSON document. Folders of results that
        cannot be read, and links, are failures. What a run that goes on, or was cut short, has not
        ended is left out; a note says how many photos are left.

    Raises:
        NoImagesError: there are no results.
        NoInputError: one of the folders is not there, or cannot be read.
        OutputError: the manifest cannot be read.
    """
    if photos is not None:
        require_photos(photos)
    closed: list[ClosedPlace] = []
    with open_earlier(folder) as tree:
        _refuse_linked(tree)
        # Before the manifests: a run that goes on may end photos while they are read.
        keys = Spool(sorted_on_disk(_result_keys(look or tree, closed.append)))
        history = read_history(tree)
        moved = None if photos is None else MovedPhotos(photos.absolute())
        found = _tasks(history, keys, folder.absolute(), moved)
        left = history.left(latest_cuts(find_manifests(tree, "parse"), history))
        stored: list[bool] = []
        tasks = Spool(_noting(found, stored))
    if not tasks and closed:
        raise NoInputError(str(as_unreadable(str(folder / closed[0].name), closed[0].error)))
    if not tasks:
        raise NoImagesError(
            f"there are no results in {displayable(shown or folder)}; parse photos first (m2fp "
            f"parse), or name photos or another output{advise_output(folder)}"
        )
    failures = tuple(_closed(folder.absolute(), one) for one in sorted(closed))
    notes = [] if moved is None else moved.notes()
    if left:
        notes.append(
            f"{counted(left, 'photo')} left to parse; those without a result are not among these"
        )
    return Scan(tasks, failures, notes=tuple(notes), is_stored=bool(stored))


def _refuse_linked(tree: OutputTree) -> None:
    """Check that results that seem to be missing do not lie behind a link."""
    status = tree.status("results")
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise NoInputError(
            f"{displayable(tree.path / 'results')} is a link, and links in an output are not "
            "followed; move the folder to its place"
        )


def _closed(output: Path, place: ClosedPlace) -> ScanFailure:
    """The failure of a folder of results that cannot be read, or of a link to some."""
    error = as_image_error(place.error)
    if place.error.errno == errno.ELOOP:
        error = ImageError("unsupported", "is a link, and links in an output are not followed")
    return ScanFailure(output / place.name, error.reason, f"{error}; its results are left out")


def require_photos(folder: Path) -> None:
    """Check that the folder that ``--photos`` names is there.

    Raises:
        NoInputError: it is not.
    """
    require_folder(folder, "name the folder that the photos are in with --photos")


def _noting(tasks: Iterator[ImageTask], stored: list[bool]) -> Iterator[ImageTask]:
    """Pass photos on; ``stored`` stays empty if none is in an object store."""
    for task in tasks:
        if task.origin and not stored:
            stored.append(True)
        yield task


@dataclass
class MovedPhotos:
    """The folder that ``--photos`` names, and what of the parse is not in it.

    Attributes:
        folder: absolute; keys are relative to it.
        missing: how many photos were looked for in vain.
        example: the first of them, relative to the folder.
    """

    folder: Path
    missing: int = 0
    example: str = ""

    def find(self, key: str, known: ImageTask | None) -> Path | None:
        """The photo of a key; None if it is not there, and counted if it is not elsewhere either.

        Args:
            key: output name of the photo.
            known: the photo as it was parsed; None where the manifest does not have it.
        """
        name = None if known is None else known.name
        found = find_photo(self.folder, key, name)
        # Unlike Path.exists it does not raise where a folder is closed.
        is_there = known and (known.origin or os.path.exists(known.path))  # noqa: PTH110
        if found is None and not is_there:
            self.missing += 1
            parent, _, stem = key.rpartition("/")
            self.example = self.example or f"{parent}/{name or stem}".lstrip("/")
        return found

    def notes(self) -> list[str]:
        """A sentence about those that are not there; none if all are."""
        if not self.missing:
            return []
        return [
            f"{counted(self.missing, 'photo')} not below {displayable(self.folder)}, such as "
            f"{displayable(self.example)}; --photos names the folder that was parsed, with its "
            "sub-folders, where it is now"
        ]


def _tasks(
    history: History, keys: Iterable[str], folder: Path, photos: MovedPhotos | None
) -> Iterator[ImageTask]:
    entries = history.entries
    for key in keys:
        entry = entries.get(key)
        if entry is None and history.is_claimed(key):  # a run is just ending it, or was cut short
            continue
        task = ImageTask(str(result_path(folder, key)), key)
        known = None
        if entry is not None:
            listed = entry.stamp[0] if entry.stamp else None
            task = known = make_task(entry.report.source, key, listed)
        moved = None if photos is None else photos.find(key, known)
        yield ImageTask(str(moved), key) if moved else task


def find_photo(folder: Path, key: str, name: str | None = None) -> Path | None:
    """The photo of a key below a folder.

    Args:
        folder: the folder that keys are relative to.
        key: output name of the photo.
        name: file name of the photo, if it is known; else its suffix is tried out.

    Returns:
        its path, also where its folder cannot be looked into: whoever reads it says so. None if it
        is not there.
    """
    parent, _, stem = key.rpartition("/")
    known = [name] if name else []
    suffixes = (form for suffix in sorted(IMAGE_SUFFIXES) for form in (suffix, suffix.upper()))
    candidates = [*known, stem, *(stem + suffix for suffix in suffixes)]
    found = (folder / parent / candidate for candidate in candidates)
    return next((path for path in found if _may_be_file(path)), None)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True


def _result_keys(look: Look, closed: OnClosed) -> Iterator[str]:
    for name in look.walk("results", closed=closed):
        if name.endswith(".json") and not name.rpartition("/")[2].startswith(".m2fp-"):
            yield name.removeprefix("results/").removesuffix(".json")


def digest_of_parsed(results: Path, key: str) -> str:
    """SHA-256 of the photo that a result was made from; empty if no readable result says it.

    Args:
        results: an output of parse.
        key: of the photo.
    """
    with OutputTree(results) as tree:
        try:
            return read_document(tree.read(result_name(key))).provenance.sha256
        except (ImageError, ValueError):
            return ""
