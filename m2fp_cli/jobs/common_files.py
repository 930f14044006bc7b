"""Which files of a whole data set are the exports' own, and which somebody has changed since.

People write garments into a list of pairs, tags into a file of tags, photos to validate on into
``data.yaml``. What they changed is not m2fp's any more, as with the files of a photo.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from m2fp_cli.errors import ImageError
from m2fp_cli.exports.format import to_json
from m2fp_cli.jsonio import is_whole, list_of, parse_object
from m2fp_cli.layout import state_name
from m2fp_cli.storage.errors import ConflictError, edited
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import refuse_foreign, write_group
from m2fp_cli.terminal import displayable

MOST_FILES = 100_000  # that a record may name
_LARGEST = 2**32 - 1

Owned = dict[str, tuple[int, ...]]
"""Files that exports wrote, by name: checksums of what they may hold, none if those are not known.

Two stand for a file that is about to be replaced: a run that is cut short leaves the old or the
new one.
"""


def files_name(export: str) -> str:
    """Name of what says which files of a whole data set exports wrote."""
    return state_name(f"export-{export}.files.json")


def read_owned(tree: OutputTree, export: str) -> Owned:
    """Files of the whole data set that exports wrote; an older m2fp noted no checksums."""
    try:
        document = parse_object(tree.read(files_name(export)))
        names = list_of(document, "files", most=MOST_FILES)
    except (ImageError, ValueError):
        return {}
    noted = document.get("checksums")
    known = noted if isinstance(noted, dict) else {}
    return {name: _checksums(known.get(name)) for name in names if isinstance(name, str)}


def _checksums(noted: object) -> tuple[int, ...]:
    found = noted if isinstance(noted, list) else []
    return tuple(one for one in found if is_whole(one, 0, _LARGEST))


def write_common(
    tree: OutputTree,
    export: str,
    files: Mapping[str, bytes],
    *,
    overwrite: bool = False,
    outdated: Collection[str] = (),
) -> None:
    """Write files of the whole data set; only those that an earlier export wrote are replaced.

    One that somebody changed stays. If there is nothing new to write into it, that is all; else it
    is named once the other files are written.

    Args:
        tree: the output.
        export: the format's name.
        files: contents by name.
        overwrite: replace files that no export wrote, and those that were changed.
        outdated: earlier files of the data set that are about photos which are in it no more; they
            are removed, or belong to whoever changed them.

    Raises:
        ConflictError: a file is there that no export wrote, or that was changed since.
        OutputError: a file cannot be written.
    """
    own = read_owned(tree, export)
    require_own(tree, files, own, overwrite=overwrite)
    there = {name: tree.checksum(name) for name in own}
    changed = {name for name, known in own.items() if _is_edited(there[name], known)}
    made = {name: zlib.crc32(data) for name, data in files.items()}
    kept = set() if overwrite else {n for n in changed & made.keys() if there[n] != made[n]}
    new = {name: data for name, data in files.items() if name not in kept}

    left = {name: known for name, known in own.items() if name in kept or name not in files}
    then = {name: known for name, known in left.items() if name not in outdated}
    then |= {name: (made[name],) for name in new}
    old = {name: (found,) for name in new if (found := there.get(name)) is not None}
    note_owned(tree, export, {**left, **{name: (*then[name], *old.get(name, ())) for name in new}})
    write_group(tree, list(new.items()), None if overwrite else own)
    for name in set(outdated) - changed:
        tree.remove(name)
        tree.remove_empty_folders(name)
    note_owned(tree, export, then)

    lost = next((name for name in sorted(kept) if made[name] not in own[name]), None)
    if lost is not None:
        raise edited(str(tree.path / lost))


def _is_edited(found: int | None, known: tuple[int, ...]) -> bool:
    return bool(known) and found is not None and found not in known


def note_owned(tree: OutputTree, export: str, owned: Owned) -> None:
    """Write down which files of the whole data set exports wrote.

    Raises:
        OutputError: it cannot be written.
    """
    state, names = files_name(export), sorted(owned)
    document = {"files": names, "checksums": {name: owned[name] for name in names if owned[name]}}
    write_group(tree, [(state, to_json(document))], (state,))


def require_own(
    tree: OutputTree, names: Iterable[str], own: Collection[str], *, overwrite: bool = False
) -> None:
    """Check that files of the whole data set may be written.

    Raises:
        ConflictError: a file of one of these names is there that no export wrote.
    """
    may_replace = None if overwrite else own
    foreign = next((name for name in names if _is_foreign(tree, name, may_replace)), None)
    if foreign is not None:
        raise foreign_file(str(tree.path / foreign))


def foreign_file(shown: str | Path) -> ConflictError:
    """The error about a file of the whole data set that no export wrote."""
    return ConflictError(
        f"{displayable(shown)} is there already and no export wrote it; choose another folder "
        "with -o, or --overwrite to replace it"
    )


def _is_foreign(tree: OutputTree, name: str, may_replace: Collection[str] | None) -> bool:
    with contextlib.suppress(ConflictError):
        refuse_foreign(tree, name, may_replace)
        return False
    return True
