"""Forgetting photos that are gone, and removing what was made from them.

A disk that is not mounted looks like one whose photos were all deleted: its folder is missing, or
there and empty. Photos of such a folder are kept.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from m2fp_cli.batch.edits import find_edited
from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import History, find_manifests, read_history
from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.manifest import forget
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import JOBS, STATE_FOLDER
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import check_writable
from m2fp_cli.terminal import counted, displayable


@dataclass
class Pruned:
    """What was forgotten.

    Attributes:
        photos: paths of the photos that are gone, sorted, each once.
        removed: names of the files that were removed.
        stuck: names of files that could not be removed; their photos are not forgotten.
        edited: names of files that stay, because somebody changed them.
        absent: folders that look like disks that are not mounted, each with its number of photos.
    """

    photos: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What was done, for a person."""
        count = len(self.photos)
        files = f", {counted(len(self.removed), 'file')} removed" if self.removed else ""
        lines = [f"{counted(count, 'photo that is', 'photos that are')} gone{files}"]
        lines += [f"  forgotten {displayable(photo)}" for photo in self.photos]
        lines += [f"  cannot be removed: {displayable(name)}" for name in self.stuck]
        lines += [
            f"  kept, as it was changed since m2fp wrote it: {displayable(name)}"
            for name in self.edited
        ]
        lines += [
            f"  {displayable(folder)} is missing or empty; if it is a disk, mount it: {number} of "
            "its photos kept"
            for folder, number in self.absent.items()
        ]
        return lines


def prune_output(tree: OutputTree, *, remove: bool) -> Pruned:
    """Forget the photos of an output that are not there any more.

    A photo of another path that is the same to the byte does not count: parse it from its new place
    first, then the manifest knows it again.

    Args:
        tree: the output; no run may work on it.
        remove: also remove the files that the manifests list for these photos.

    Returns:
        what was forgotten and removed.

    Raises:
        OutputLockedError: a run works on the output.
        OutputError: it cannot be read or written.
    """
    pruned = Pruned()
    _require_writable(tree)
    with hold_output(tree):
        histories = {job: read_history(tree, job) for job in JOBS}
        gone, pruned.absent = _find_gone(histories.values())
        for job, history in histories.items():
            entries = [e for e in history.entries.each() if e.report.source in gone]
            stuck = _remove_files(tree, entries, histories.values(), pruned, remove=remove)
            keys = {entry.report.key for entry in entries} - stuck
            for name in find_manifests(tree, job) if keys else ():
                forget(tree, name, keys)
            forgotten = {e.report.source for e in entries if e.report.key in keys}
            pruned.photos = sorted({*pruned.photos, *forgotten})
    return pruned


def _require_writable(tree: OutputTree) -> None:
    """Check that the output can be changed; unlike a run, this has no other place to go to."""
    try:
        check_writable(tree)
    except OutputError as error:
        reason = str(getattr(error.__cause__, "strerror", None) or error).lower()
        raise OutputError(
            f"{displayable(tree.path)} cannot be changed: {reason}; --prune rewrites its manifests"
        ) from error


def _find_gone(histories: Iterable[History]) -> tuple[NameSet, dict[str, int]]:
    """Photos that are not there, and the absent folders with their numbers of photos."""
    gone, missing = NameSet(), NameSet()
    absent: dict[str, int] = {}
    is_there = functools.cache(_holds_anything)
    reports = (entry.report for history in histories for entry in history.entries.each())
    for report in reports:
        if not _is_gone(report.source) or not missing.add(report.source):
            continue
        root = _input_of(Path(report.source), report.key)
        if is_there(root):
            gone.add(report.source)
        else:
            absent[str(root)] = absent.get(str(root), 0) + 1
    return gone, absent


def _is_gone(source: str) -> bool:
    """Whether a photo is surely not there: no part of its path is closed to us."""
    try:
        os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return Path(source).is_absolute()
    except (OSError, ValueError):  # no permission, an error of the disk, not a path
        return False
    return False


def _input_of(source: Path, key: str) -> Path:
    """The folder that was named as input: a photo's path without what its key repeats of it."""
    folder = source.parent
    for part in reversed(key.split("/")[:-1]):
        if folder.name != part:
            break
        folder = folder.parent
    return folder


def _holds_anything(folder: Path) -> bool:
    try:
        with os.scandir(folder) as listing:
            return any(True for _ in listing)
    except OSError:
        return False


def _remove_files(
    tree: OutputTree,
    entries: list[Entry],
    histories: Iterable[History],
    pruned: Pruned,
    *,
    remove: bool,
) -> set[str]:
    """Remove the files of photos; keys of those of which a file could not be removed.

    Without ``remove`` only what lies below ``.m2fp``: it is no result that somebody may want, and
    listed nowhere it would be in the way of the next report or export of a result that stays.
    """
    if not remove:
        pruned = Pruned(stuck=pruned.stuck)
    going = {entry.report.source for entry in entries}
    kept = NameSet(
        name
        for history in histories
        for entry in history.entries.each()
        if entry.report.source not in going
        for name in entry.report.files
    )
    stuck = set()
    for entry in entries:
        edited = sorted(find_edited(tree, entry))
        pruned.edited += edited
        for name in sorted({*entry.report.files}.difference(edited)):
            if name in kept or not (remove or name.startswith(f"{STATE_FOLDER}/")):
                continue
            if tree.remove(name):
                pruned.removed.append(name)
                tree.remove_empty_folders(name)
            elif tree.status(name) is not None:
                pruned.stuck.append(name)
                stuck.add(entry.report.key)
    return stuck
