"""Which photos a run is about, found without opening any of them, and in bounded memory."""

from __future__ import annotations

import functools
import itertools
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2fp_cli.batch.keys import (
    FoundImage,
    assign_keys,
    distinct_tails,
    folders_of,
    is_result_name,
    join_key,
    plain_name,
    room_for_keys,
)
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure, make_task
from m2fp_cli.batch.walk import ScanRules, Walk, first_of, real_path
from m2fp_cli.batch.written import written_files
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.layout import STATE_FOLDER
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.remote.address import names_store, only_here
from m2fp_cli.storage.spool import Spool, sorted_on_disk
from m2fp_cli.terminal import displayable

_MOST_NOTES = 1000
TOO_DEEP = "lies too deep for its results; shorten its path or -o"


def find_images(
    inputs: Sequence[Path],
    *,
    output: Path | None,
    rules: ScanRules | None = None,
    deeper: str = "add -r to parse those too",
) -> Scan:
    """Find the photos of some files and folders.

    A file that is named is always taken, whatever it is called. From a folder the files with an
    image suffix are taken, and recursively those of its sub-folders. Hidden names are skipped, and
    the folders that systems keep for themselves (``walk.SYSTEM_FOLDERS``); linked folders are not
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
        output: the run's output folder, which need not exist; None if it is not known yet.
        rules: what is taken, and how it is named; None for the defaults.
        deeper: what to do where only sub-folders hold photos.

    Raises:
        NoImagesError: not one photo; says where it looked and what may help.
        UsageError: an input holds results of the output, or is an address in an object store.
    """
    walk = Walk(None if output is None else real_path(output), rules or ScanRules())
    folders, files = _sort_inputs(inputs, walk)
    repeated: list[Path] = []
    found = _find(folders, files, walk)
    if _may_repeat(folders, files):
        found = _each_once(found, repeated)
    scan = name_photos((image for image, _ in found), output=walk.output)
    if not scan.tasks and not scan.failures:
        raise NoImagesError(_nothing_found(inputs, folders, walk, deeper))
    notes = walk.all_notes()
    if repeated:
        notes.append(f"{first_of(repeated)}: named by more than one input, parsed once")
    return Scan(scan.tasks, (*walk.failures, *scan.failures), (*notes, *scan.notes))


def name_photos(found: Iterable[FoundImage], *, output: Path | None) -> Scan:
    """Bring photos into order and give each its key.

    Takes millions of photos in bounded memory.

    Args:
        found: the photos, in any order.
        output: the run's output folder; None if it is not known yet.

    Returns:
        the photos; those that lie too deep for their results are failures.
    """
    names = _Names()
    # All names are known when the first photo comes out: sorting takes them all in before.
    ordered = sorted_on_disk(names.watch(found), key=lambda image: image.order)
    tasks: Spool[ImageTask] = Spool()
    failures: list[ScanFailure] = []
    notes: list[str] = []
    room = room_for_keys(output)
    for named in assign_keys(ordered, names.folders):
        if named.note and len(notes) < _MOST_NOTES:
            notes.append(named.note)
        image = named.image
        if len(os.fsencode(named.key)) <= room:
            tasks.append(make_task(image.source, named.key, image.stamp))
        else:
            failures.append(ScanFailure(image.source, "unsupported", TOO_DEEP))
    return Scan(tasks, tuple(failures), tuple(notes))


@dataclass
class _Names:
    """Folders of photos whose names could be results'; what ``assign_keys`` has to know before.

    Attributes:
        folders: their places.
    """

    folders: set[str] = field(default_factory=set)

    def watch(self, found: Iterable[FoundImage]) -> Iterator[FoundImage]:
        """Pass photos on."""
        last = ""
        for image in found:
            folder = image.place.rpartition("/")[0]
            if folder != last:
                self.folders.update(filter(is_result_name, folders_of(image.place)))
                last = folder
            yield image


def _find(folders: list[Path], files: list[Path], walk: Walk) -> Iterator[tuple[FoundImage, Path]]:
    """All photos of the inputs, folders first, each with the input it was found in."""
    prefixes = distinct_tails(folders) if len(folders) + len(files) > 1 else {}
    for folder in folders:
        for image in walk.photos_in(folder, prefixes.get(folder, "")):
            yield image, folder
    for file, prefix in _file_prefixes(files):
        yield walk.photo(file, join_key(prefix, file.name)), file


def _may_repeat(folders: list[Path], files: list[Path]) -> bool:
    """Whether one photo may be reached through two inputs."""
    if not folders:
        return False
    real_folders = [real_path(folder) for folder in folders]
    places = [*real_folders, *(_real_entry(file) for file in files)]
    return len(places) > 1 and any(
        place.is_relative_to(folder)
        for number, place in enumerate(places)
        for other, folder in enumerate(real_folders)
        if other != number
    )


def _each_once(
    found: Iterable[tuple[FoundImage, Path]], repeated: list[Path]
) -> Iterator[tuple[FoundImage, Path]]:
    """Drop photos whose directory entry was already reached another way; notes them."""
    reals: dict[Path, Path] = {}

    def real(pair: tuple[FoundImage, Path]) -> str:
        image, named = pair
        if named not in reals:
            reals[named] = _real_entry(named) if str(named) == image.source else real_path(named)
        return os.fspath(reals[named] / Path(image.source).relative_to(named))

    for _, same in itertools.groupby(sorted_on_disk(found, key=real), key=real):
        first, *others = same
        repeated += [Path(image.source) for image, _ in others]
        yield first


def _sort_inputs(inputs: Sequence[Path], walk: Walk) -> tuple[list[Path], list[Path]]:
    """Folders and files among the inputs, absolute, sorted, each once; missing ones fail."""
    folders: list[Path] = []
    files: dict[Path, Path] = {}
    written = functools.cache(written_files)  # of a long manifest it takes seconds
    for path in inputs:
        if names_store(path):
            raise UsageError(only_here(path))
    for path in sorted({_absolute(path) for path in inputs}):
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError:
            folder = next(one for one in path.parents if one.is_dir())
            message = f"is not there; {displayable(folder)} was looked in"
            walk.failures.append(ScanFailure(path, "vanished", message))
            continue
        except (OSError, ValueError) as error:
            walk.fail(path, error)
            continue
        real = real_path(path) if is_folder else _real_entry(path)
        _refuse_results(real, walk.output, written)
        if is_folder:
            folders.append(path)
        else:
            files.setdefault(real, path)
    return folders, list(files.values())


def _refuse_results(real: Path, output: Path | None, written: Callable[[Path], NameSet]) -> None:
    """Refuse an input that is, or is in, a folder of the output that a run has written to."""
    if output is None or not real.is_relative_to(output) or real == output:
        return
    first = real.relative_to(output).parts[0]
    if first == STATE_FOLDER or written(output).has_any_in(first):
        raise UsageError(
            f"{displayable(real)} holds results of {displayable(output)}; name your photos "
            "instead, or choose another output with -o"
        )


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


def _nothing_found(inputs: Sequence[Path], folders: list[Path], walk: Walk, deeper: str) -> str:
    if not inputs:
        return "no photo found, since no photo or folder was named"
    shown = [displayable(path) for path in inputs[:5]]
    more = f" and {len(inputs) - 5} more" if len(inputs) > 5 else ""
    message = f"no photo found in {', '.join(shown)}{more}"
    for failure in walk.failures[:5]:
        message += f"; {displayable(failure.source)} {failure.message}"
    if any(walk.holds_excluded_photos(folder) for folder in folders):
        message += "; what is to be excluded fits all that are there"
    if not walk.rules.recursive and any(walk.holds_photos_below(folder) for folder in folders):
        message += f"; sub-folders hold photos, {deeper}"
    return message


def _absolute(path: Path) -> Path:
    """An absolute path that keeps links' own names, except where ``..`` makes them matter."""
    return real_path(path) if ".." in path.parts else path.absolute()


def _real_entry(path: Path) -> Path:
    """A path whose folder's links are resolved; its own last part stays what it is."""
    return real_path(path.parent) / path.name
