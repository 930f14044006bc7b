"""Looking through folders of this machine for photos, without opening any of them."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from m2fp_cli.batch.keys import FoundImage, has_image_suffix, join_key, safe_place
from m2fp_cli.batch.stamps import FileStamp
from m2fp_cli.batch.tasks import ScanFailure
from m2fp_cli.batch.written import written_files
from m2fp_cli.imaging.reading import as_image_error
from m2fp_cli.layout import STATE_FOLDER
from m2fp_cli.numerals import require_texts, require_truth
from m2fp_cli.storage.errors import UnreadableError
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.spool import sorted_on_disk
from m2fp_cli.terminal import counted, displayable

SYSTEM_FOLDERS = frozenset(
    ("@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders of thumbnails and deleted files that NAS boxes and systems keep; photos in them are not
the user's. Those that begin with a dot (``.Trash``, ``.thumbnails``) are hidden anyway."""
_HINT_FOLDERS = 1000  # how far to look for photos in sub-folders when there are none above
_MOST_NOTES = 1000


@dataclass(frozen=True)
class ScanRules:
    """What is taken from folders, and how results are named.

    Attributes:
        recursive: descend into sub-folders.
        exclude: patterns of ``fnmatch``; files and folders whose name, or place below an input,
            matches one are left out.
        prefix: folder of the output that all keys lie in; empty for none.
        safe_names: write names so that every file system takes them, see ``keys.safe_place``.
        stamps: note size and time of change of each photo.
    """

    recursive: bool = False
    exclude: tuple[str, ...] = ()
    prefix: str = ""
    safe_names: bool = False
    stamps: bool = False

    def __post_init__(self) -> None:
        """Refuse a single pattern, and answers that are no truth.

        Raises:
            TypeError: ``exclude`` is one text, or not texts; ``recursive``, ``safe_names`` or
                ``stamps`` is neither True nor False.
        """
        for name in ("recursive", "safe_names", "stamps"):
            require_truth(getattr(self, name), name)
        exclude = require_texts(self.exclude, "exclude", '("*_thumb.jpg",)')
        object.__setattr__(self, "exclude", exclude)

    def excludes(self, place: str) -> bool:
        """Whether a file or folder at a place below an input is left out."""
        name = place.rpartition("/")[2]
        return any(fnmatch(name, one) or fnmatch(place, one) for one in self.exclude)

    def key_place(self, place: str) -> str:
        """The place that a photo's key is made from."""
        prefixed = join_key(self.prefix, place)
        return safe_place(prefixed) if self.safe_names else prefixed


@dataclass(frozen=True)
class _Place:
    """A folder of a walk.

    Attributes:
        path: relative to the input, posix; empty for the input itself.
        outputs: the outputs it lies in, each with its place relative to the input.
    """

    path: str
    outputs: tuple[tuple[str, NameSet], ...] = ()

    def is_result(self, name: str) -> bool:
        """Whether a file in it was written by a run."""
        place = join_key(self.path, name)
        return any(
            place[len(root) + 1 if root else 0 :] in written for root, written in self.outputs
        )


@dataclass(frozen=True)
class _File:
    """A directory entry that is not a folder, as the folder's listing describes it."""

    name: str
    is_regular: bool
    is_link: bool


@dataclass
class Walk:
    """One search: what is to be avoided, and what was left out so far.

    Attributes:
        output: the run's output folder, its links resolved; None if it is not known yet.
        rules: what is taken.
        failures: what could not be looked at.
        notes: what was left out, a sentence each.
    """

    output: Path | None
    rules: ScanRules
    failures: list[ScanFailure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _system: list[Path] = field(default_factory=list)

    def photos_in(self, root: Path, prefix: str) -> Iterator[FoundImage]:
        """The photos of a folder; ``prefix`` stands in front of their places."""
        real_root = real_path(root)
        for place, files in self._folders(root, real_root, recursive=self.rules.recursive):
            for file in files:
                where = join_key(place.path, file.name)
                if not self.rules.excludes(where) and self._is_photo(root / where, file):
                    yield self.photo(root / where, join_key(prefix, where))

    def photo(self, source: Path, place: str) -> FoundImage:
        """A photo at a place below the inputs."""
        found = FoundImage(self.rules.key_place(place), os.fspath(source))
        if not self.rules.stamps:
            return found
        try:
            status = source.stat()
        except (OSError, ValueError):
            return found
        return found._replace(stamp=FileStamp(status.st_size, status.st_mtime_ns))

    def all_notes(self) -> list[str]:
        """What was left out, the system's folders summed up in one sentence."""
        notes = list(self.notes[:_MOST_NOTES])
        if len(self.notes) > _MOST_NOTES:
            more = counted(len(self.notes) - _MOST_NOTES, "more such note")
            notes.append(f"... and {more}")
        if self._system:
            notes.append(f"{first_of(self._system)}: left out: the system's own")
        return notes

    def fail(self, source: Path, error: OSError | ValueError) -> None:
        """Record what cannot be looked at."""
        image_error = as_image_error(error)
        self.failures.append(ScanFailure(source, image_error.reason, str(image_error)))

    def _leave_out(self, output: Path, error: UnreadableError) -> None:
        """Record an output of which nobody can say which of its pictures are results."""
        message = f"is left out, an output whose photos and results cannot be told apart: {error}"
        self.failures.append(ScanFailure(output, "unreadable", message))

    def holds_photos_below(self, root: Path) -> bool:
        """Whether sub-folders hold photos; looks into a bounded number of them."""
        below = Walk(self.output, replace(self.rules, recursive=True))
        places = below._folders(root, real_path(root), recursive=True)
        return any(
            has_image_suffix(file.name) and not self.rules.excludes(join_key(place.path, file.name))
            for place, files in itertools.islice(places, _HINT_FOLDERS)
            for file in files
        )

    def holds_excluded_photos(self, root: Path) -> bool:
        """Whether a folder has photos that are excluded; looks into a bounded number of them."""
        everything = Walk(self.output, replace(self.rules, exclude=()))
        recursive = self.rules.recursive
        places = everything._folders(root, real_path(root), recursive=recursive)
        return bool(self.rules.exclude) and any(
            has_image_suffix(file.name)
            for _, files in itertools.islice(places, _HINT_FOLDERS)
            for file in files
        )

    def _folders(
        self, root: Path, real_root: Path, *, recursive: bool
    ) -> Iterator[tuple[_Place, Iterator[_File]]]:
        """Each folder, and its visible entries that are no folders, in sorted order.

        Files that a run has written are left out. The files must be taken before the next folder.
        """
        pending = [_Place("")]
        while pending:
            place = pending.pop()
            folders: list[str] = []
            try:
                with os.scandir(root / place.path) as listing:
                    files = self._sort_entries(listing, folders)
            except OSError as error:
                self.fail(root / place.path, error)
                continue
            if STATE_FOLDER in folders:
                try:
                    written = written_files(root / place.path)
                except UnreadableError as error:
                    self._leave_out(root / place.path, error)
                    continue
                place = replace(place, outputs=(*place.outputs, (place.path, written)))
            yield place, (file for file in files if not place.is_result(file.name))
            if recursive:
                inner = (join_key(place.path, one) for one in folders if one[0] != ".")
                wanted = [one for one in inner if self._is_entered(root, real_root, one)]
                pending.extend(_Place(one, place.outputs) for one in sorted(wanted, reverse=True))

    def _sort_entries(
        self, listing: Iterator[os.DirEntry[str]], folders: list[str]
    ) -> Iterator[_File]:
        """The visible files of a folder, sorted; its folders are added to a list."""

        def visible() -> Iterator[_File]:
            for entry in listing:
                if _is_folder(entry):
                    folders.append(entry.name)
                elif not entry.name.startswith("."):
                    is_regular = entry.is_file(follow_symlinks=False)
                    yield _File(entry.name, is_regular, entry.is_symlink())

        ordered = sorted_on_disk(visible(), key=lambda file: file.name)
        first = next(ordered, None)  # has the listing read to its end
        return iter(()) if first is None else itertools.chain((first,), ordered)

    def _is_entered(self, root: Path, real_root: Path, place: str) -> bool:
        """Whether the walk goes into a folder."""
        if place.rpartition("/")[2] in SYSTEM_FOLDERS:
            self._system.append(root / place)
            return False
        return real_root / place != self.output and not self.rules.excludes(place)

    def _is_photo(self, path: Path, file: _File) -> bool:
        """Whether an entry has an image suffix and is a regular file or a link to one."""
        is_candidate = has_image_suffix(file.name)
        if not is_candidate and not (self.rules.recursive and file.is_link):
            return False
        if file.is_regular:
            return True
        try:
            mode = path.stat().st_mode
        except OSError as error:
            if is_candidate:
                self.fail(path, error)
            return False
        if stat.S_ISDIR(mode):
            self.notes.append(f"{displayable(path)} is left out: it is a link to a folder")
        elif is_candidate and not stat.S_ISREG(mode):
            self.notes.append(f"{displayable(path)} is left out: it is no regular file")
        return is_candidate and stat.S_ISREG(mode)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # vanished meanwhile
        return False


def first_of(paths: list[Path]) -> str:
    """The first of some paths, and how many more there are."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{displayable(paths[0])}{more}"


def real_path(path: Path) -> Path:
    """A path with its links resolved, as far as it leads anywhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no path at all
        return path.absolute()
