"""Whether somebody changed a file since it was written: its bytes say so, no clock does."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable

from m2fp_cli.storage.errors import edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.marks import mark_of


class OwnFiles(dict[str, int | None]):
    """Files that may be replaced: the CRC-32 that each must still have, None where any will do."""


def refuse_edited(look: Look, names: Iterable[str], may_replace: Collection[str] | None) -> None:
    """Check that nobody changed files that are about to be replaced, by their bytes.

    Args:
        look: what is in the output.
        names: of the files.
        may_replace: see ``write_group``; only ``OwnFiles`` say what the bytes were.

    Raises:
        ConflictError: one is not as it was written.
    """
    if not isinstance(may_replace, OwnFiles):
        return
    for name in names:
        if name in may_replace and is_edited(look, name, may_replace[name]):
            raise edited(name)


def is_edited(look: Look, name: str, written: int | None) -> bool:
    """Whether a file is there with other bytes than were written, or a link in its place.

    Args:
        look: what is in the output.
        name: of the file.
        written: CRC-32 of what was written; None where that is not known.
    """
    found = None if written is None else look.checksum(name)
    if found is not None:
        return found != written
    status = look.status(name)
    return status is not None and stat.S_ISLNK(status.st_mode)


def written_checksum(look: Look, name: str) -> int | None:
    """CRC-32 of a file's bytes if its mark says that m2fp wrote them; None otherwise.

    Args:
        look: what is in the output.
        name: of the file.
    """
    mark = look.mark(name)
    found = None if mark is None else look.checksum(name)
    return None if found is None or mark_of(name, found) != mark else found
