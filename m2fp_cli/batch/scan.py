"""Which photos a run is about, found without opening any of them."""

from __future__ import annotations

import itertools
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from m2fp_cli.batch.history import read_history
from m2fp_cli.batch.keys import (
    FoundImage,
    assign_keys,
    distinct_tails,
    has_image_suffix,
    join_key,
    plain_name,
    safe_place,
)
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure
from m2fp_cli.errors import ImageError, NoImagesError, OutputError, UsageError
from m2fp_cli.imaging.reading import as_image_error
from m2fp_cli.layout import JOBS, STATE_FOLDER, possible_names
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

_MAX_PATH_BYTES = 4096 - 64  # Linux' PATH_MAX, less the result folder and suffix
SYSTEM_FOLDERS = frozenset(
    ("@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders of thumbnails and deleted files that NAS boxes and systems keep; photos in them are not
the user's. Those that begin with a dot (``.Trash``, ``.thumbnails``) are hidden anyway."""
_HINT_FOLDERS = 1000  # how far to look for photos in sub-folders when there are none above


@dataclass(frozen=True)
class ScanRules:
    """What is taken from folders, and how results are named.

    Attributes:
        recursive: descend into sub-folders.
        exclude: patterns of ``fnmatch``; files and folders whose name, or place below an input,
            matches one are left out.
        prefix: folder of the output that all keys lie in; empty for none.
        safe_names: write names so that every file system takes them, see ``keys.safe_place``.
    """

    recursive: bool = False
    exclude: tuple[str, ...] = ()
    prefix: str = ""
    safe_names: bool = False

    def excludes(self, place: str) -> bool:
        """Whether a file or folder at a place below an input is left out."""
        name = place.rpartition("/")[2]
        return any(fnmatch(name, one) or fnmatch(place, one) for one in self.exclude)

    def key_place(self, place: str) -> str:
        """The place that a photo's key is made from."""
        prefixed = join_key(self.prefix, place)
        return safe_place(prefixed) if self.safe_names else prefixed


def find_images(inputs: Sequence[Path], *, output: Path, rules: ScanRules | None = None) -> Scan:
    """Find the photos of some files and folders.

    A file that is named is always taken, whatever it is called. From a folder the files with an
    image suffix are taken, and recursively those of its sub-folders. Hidden names are skipped, and
    the folders that systems keep for themselves (``SYSTEM_FOLDERS``); linked folders are not
    followed, linked files taken under their own name, pipes and devices left out with a note. A
    run never reads what a run has written: the output folder is skipped where the walk meets it,
    and so is every file that the manifest of an output lists.

    Keys mirror the inputs. A single folder is mirrored directly: ``photos/a/b.jpg`` becomes
    ``a/b``. With several inputs each folder keeps its name, so that ``m2fp parse photos/*`` mirrors
    ``photos``; folders of the same name keep as much of their path as tells them apart. A named
    file gets its plain name; where several folders have a named file of one name, as much of the
    folder's path as tells them apart stands in front. What still clashes is settled by ``keys``.

    Args:
        inputs: files and folders; order and repetition do not matter.
        output: the run's output folder; need not exist.
        rules: what is taken, and how it is named; None for the defaults.

    Raises:
        NoImagesError: not one photo; says where it looked and what may help.
        UsageError: an input holds results of the output.
    """
    walk = _Walk(_real(output), rules or ScanRules())
    folders, files = _sort_inputs(inputs, walk)
    prefixes = distinct_tails(folders) if len(folders) + len(files) > 1 else {}
    for folder in folders:
        walk.take_folder(folder, prefixes.get(folder, ""))
    for file, prefix in _file_prefixes(files):
        walk.take(file, walk.real(file), join_key(prefix, file.name))
    if not walk.found:
        raise NoImagesError(_nothing_found(inputs, folders, walk))
    found = sorted(walk.found)
    keys, key_notes = assign_keys(found)
    tasks = [ImageTask(image.source, key) for image, key in zip(found, keys, strict=True)]
    tasks = [task for task in tasks if walk.fits(task)]
    return Scan(tuple(tasks), tuple(walk.failures), (*walk.all_notes(), *key_notes))


@dataclass(frozen=True)
class _Place:
    """A folder of a walk.

    Attributes:
        path: relative to the input, posix; empty for the input itself.
        results: files below it that a run has written, relative to it.
    """

    path: str
    results: frozenset[str] = frozenset()

    def inner(self, name: str) -> _Place:
        """A folder in it."""
        start = f"{name}/"
        inner = (one.removeprefix(start) for one in self.results if one.startswith(start))
        return _Place(join_key(self.path, name), frozenset(inner))


@dataclass
class _Walk:
    """One search: what is to be avoided, and what has been found so far."""

    output: Path
    rules: ScanRules
    found: list[FoundImage] = field(default_factory=list)
    failures: list[ScanFailure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)
    _repeated: list[Path] = field(default_factory=list)
    _system: list[Path] = field(default_factory=list)
    _real_folders: dict[Path, Path] = field(default_factory=dict)

    def take_folder(self, root: Path, prefix: str) -> None:
        """Take the photos of a folder; ``prefix`` stands in front of their places."""
        real_root = _real(root)
        for place, entries in self._folders(root, real_root, recursive=self.rules.recursive):
            for entry in entries:
                where = join_key(place, entry.name)
                if not self.rules.excludes(where) and self._is_photo(entry):
                    self.take(root / where, real_root / where, join_key(prefix, where))

    def take(self, source: Path, real: Path, place: str) -> None:
        """Take one photo, unless the same directory entry was already reached another way."""
        if real in self._seen:
            self._repeated.append(source)
            return
        self._seen.add(real)
        self.found.append(FoundImage(self.rules.key_place(place), source))

    def all_notes(self) -> list[str]:
        """What was left out, repeated photos summed up in one sentence."""
        sums = (
            (self._repeated, "named by more than one input, parsed once"),
            (self._system, "left out: the system's own"),
        )
        return [*self.notes, *(f"{_first_of(paths)}: {what}" for paths, what in sums if paths)]

    def real(self, path: Path) -> Path:
        """A path whose folder's links are resolved; its own last part stays what it is."""
        if path.parent not in self._real_folders:
            self._real_folders[path.parent] = _real(path.parent)
        return self._real_folders[path.parent] / path.name

    def fail(self, source: Path, error: OSError | ValueError) -> None:
        """Record what cannot be looked at."""
        image_error = as_image_error(error)
        self.failures.append(ScanFailure(source, image_error.reason, str(image_error)))

    def fits(self, task: ImageTask) -> bool:
        """Whether the results' paths are short enough for the system; a failure if not."""
        if len(os.fsencode(self.output)) + len(os.fsencode(task.key)) <= _MAX_PATH_BYTES:
            return True
        error = ImageError("unsupported", "lies too deep for its results; shorten its path or -o")
        self.failures.append(ScanFailure(task.source, error.reason, str(error)))
        return False

    def holds_photos_below(self, root: Path) -> bool:
        """Whether sub-folders hold photos; looks into a bounded number of them."""
        below = _Walk(self.output, ScanRules(recursive=True))
        places = below._folders(root, _real(root), recursive=True)
        return any(
            has_image_suffix(entry.name) and not entry.name.startswith(".")
            for _, entries in itertools.islice(places, _HINT_FOLDERS)
            for entry in entries
        )

    def _folders(
        self, root: Path, real_root: Path, *, recursive: bool
    ) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Each folder's place relative to the root, and its visible entries that are no folders.

        Files that a run has written are left out.
        """
        pending = [_Place("")]
        while pending:
            place = pending.pop()
            try:
                with os.scandir(root / place.path) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self.fail(root / place.path, error)
                continue
            if any(entry.name == STATE_FOLDER for entry in entries):
                place = _Place(place.path, place.results | written_files(root / place.path))
            visible = [entry for entry in entries if not entry.name.startswith(".")]
            files = [entry for entry in visible if not _is_folder(entry)]
            yield place.path, [entry for entry in files if entry.name not in place.results]
            if recursive:
                inner = (place.inner(entry.name) for entry in visible if _is_folder(entry))
                wanted = [one for one in inner if self._is_entered(root, real_root, one.path)]
                pending.extend(reversed(wanted))

    def _is_entered(self, root: Path, real_root: Path, place: str) -> bool:
        """Whether the walk goes into a folder."""
        if place.rpartition("/")[2] in SYSTEM_FOLDERS:
            self._system.append(root / place)
            return False
        return real_root / place != self.output and not self.rules.excludes(place)

    def _is_photo(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry has an image suffix and is a regular file or a link to one."""
        is_candidate = has_image_suffix(entry.name)
        try:
            if not is_candidate and not (self.rules.recursive and entry.is_symlink()):
                return False
            if entry.is_file(follow_symlinks=False):
                return True
            mode = entry.stat().st_mode
        except OSError as error:
            if is_candidate:
                self.fail(Path(entry.path), error)
            return False
        if stat.S_ISDIR(mode):
            self.notes.append(f"{displayable(entry.path)} is left out: it is a link to a folder")
        elif is_candidate and not stat.S_ISREG(mode):
            self.notes.append(f"{displayable(entry.path)} is left out: it is no regular file")
        return is_candidate and stat.S_ISREG(mode)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # vanished meanwhile
        return False


def _sort_inputs(inputs: Sequence[Path], walk: _Walk) -> tuple[list[Path], list[Path]]:
    """Folders and files among the inputs, absolute, sorted, each once; missing ones fail."""
    folders: list[Path] = []
    files: list[Path] = []
    for path in sorted({_absolute(path) for path in inputs}):
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError:
            message = f"is not there; {displayable(path.parent)} was looked in"
            walk.failures.append(ScanFailure(path, "vanished", message))
            continue
        except (OSError, ValueError) as error:
            walk.fail(path, error)
            continue
        _refuse_results(_real(path) if is_folder else walk.real(path), walk.output)
        (folders if is_folder else files).append(path)
    return folders, files


def _refuse_results(real: Path, output: Path) -> None:
    """Refuse an input that is, or is in, a folder of the output that a run has written to."""
    if not real.is_relative_to(output) or real == output:
        return
    first = real.relative_to(output).parts[0]
    written = written_files(output)
    if first == STATE_FOLDER or any(name.startswith(f"{first}/") for name in written):
        raise UsageError(
            f"{displayable(real)} holds results of {displayable(output)}; name your photos "
            "instead, or choose another output with -o"
        )


def written_files(output: Path) -> frozenset[str]:
    """Names of all files that runs have written into an output; none where it is not one.

    Those of a run that was cut short count by their key.
    """
    found: set[str] = set()
    try:
        with OutputTree(output) as tree:
            for job in JOBS:
                history = read_history(tree, job)
                found |= history.written()
                claimed = set().union(*history.claims.values())
                found |= {name for key in claimed for name in possible_names(job, key)}
    except OutputError:
        return frozenset()
    return frozenset(found)


def _first_of(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{displayable(paths[0])}{more}"


def _file_prefixes(files: list[Path]) -> list[tuple[Path, str]]:
    """For each named file what must stand before its name to tell it from its namesakes."""
    namesakes: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        namesakes[plain_name(file.name)].append(file)
    prefixes: list[tuple[Path, str]] = []
    for group in namesakes.values():
        parents = {file.parent for file in group}
        tails = distinct_tails(parents) if len(parents) > 1 else {}
        prefixes.extend((file, tails.get(file.parent, "")) for file in group)
    return prefixes


def _nothing_found(inputs: Sequence[Path], folders: list[Path], walk: _Walk) -> str:
    shown = [displayable(path) for path in inputs[:5]]
    more = f" and {len(inputs) - 5} more" if len(inputs) > 5 else ""
    message = f"no photo found in {', '.join(shown)}{more}"
    for failure in walk.failures[:5]:
        message += f"; {displayable(failure.source)} {failure.message}"
    if not walk.rules.recursive and any(walk.holds_photos_below(folder) for folder in folders):
        message += "; sub-folders hold photos, add -r to parse those too"
    return message


def _absolute(path: Path) -> Path:
    """An absolute path that keeps links' own names, except where ``..`` makes them matter."""
    return _real(path) if ".." in path.parts else path.absolute()


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no path at all
        return path.absolute()
