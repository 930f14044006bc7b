"""What goes wrong when files of an output are written or read, in words a person can act on."""

from __future__ import annotations

import errno

from m2fp_cli.errors import OutputError
from m2fp_cli.terminal import displayable

_ELSEWHERE = "choose another folder with -o"
_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run again",
    errno.EDQUOT: "the disk quota is used up; make room and run again",
    errno.EROFS: f"the file system is read-only; {_ELSEWHERE}",
    errno.EACCES: f"no permission to write there; {_ELSEWHERE}",
    errno.EPERM: f"writing there is not permitted; {_ELSEWHERE}",
    errno.ENOENT: f"the output folder was removed; run again, or {_ELSEWHERE}",
    errno.EEXIST: f"a file has this name; remove it or {_ELSEWHERE}",
    errno.ENOTDIR: f"a part of this path is a file or a link, not a folder; {_ELSEWHERE}",
    errno.ELOOP: f"it is a link, and links in an output are not followed; {_ELSEWHERE}",
    errno.EISDIR: f"a folder has this name; remove it or {_ELSEWHERE}",
    errno.ENAMETOOLONG: "the path is too long; choose a shorter one with -o",
}
_READ_ADVICE = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.ELOOP: "links in an output are not followed; remove it",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What one file's name or place brings about; other photos may well be written. The rest, a full
# disk above all, would meet every photo.
_ABOUT_ONE_FILE = frozenset(
    (
        errno.EINVAL,
        errno.EILSEQ,
        errno.ENAMETOOLONG,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ELOOP,
        errno.EXDEV,
    )
)
WINDOWS_CHARACTERS = '<>:"\\|?*'
"""Characters that exFAT, NTFS and SMB shares refuse in names, besides control characters."""


class TargetError(OutputError):
    """One file cannot be written; others may well be."""


class ConflictError(TargetError):
    """A file is there already that this photo may not replace."""


class UnreadableError(OutputError):
    """What is needed to go on with an output, its manifest above all, cannot be read."""


def as_output_error(name: str, error: OSError, *, alone: bool = False) -> OutputError:
    """The failure of a file of an output, from what the system said about it.

    Args:
        name: of the file, relative to the output or whole.
        error: what the system said.
        alone: the file is not one of a run over photos.

    Returns:
        a ``TargetError`` where only this file's name or place is the trouble.
    """
    number = error.errno or 0
    if number in (errno.EINVAL, errno.EILSEQ):
        advice = _explain_name(name)
    else:
        advice = _ADVICE.get(number) or error.strerror or type(error).__name__
        if number in _FULL and not alone:
            advice += ", finished photos are kept"
    kind = TargetError if number in _ABOUT_ONE_FILE else OutputError
    return kind(f"cannot write {displayable(name)}: {advice}")


def as_unreadable(place: str, error: OSError) -> UnreadableError:
    """The failure to read a file or folder of an output, from what the system said about it.

    The advice fits commands that only read, too, and have no ``-o``.

    Args:
        place: path of the file or folder.
        error: what the system said.
    """
    reason = error.strerror or type(error).__name__
    if error.errno == errno.ELOOP:
        reason = "it is a link"
    advice = _READ_ADVICE.get(error.errno or 0, "check the disk that it is on")
    return UnreadableError(f"{displayable(place)} cannot be read ({reason}); {advice}")


def conflict(name: str) -> ConflictError:
    """The error of a file that is there and was not written for this photo."""
    return ConflictError(
        f"{displayable(name)} is there already and m2fp did not write it for this photo; choose "
        "another folder with -o, or --overwrite to replace it"
    )


def edited(name: str) -> ConflictError:
    """The error of a file that somebody changed since it was written."""
    return ConflictError(
        f"{displayable(name)} was changed since m2fp wrote it; move it away to keep it, or "
        "--overwrite to replace it"
    )


def _explain_name(name: str) -> str:
    refused = sorted({c for c in name if c in WINDOWS_CHARACTERS or not c.isprintable()})
    if not refused:
        return "the file system does not take this name; use --safe-names, or another folder"
    shown = " ".join(displayable(c) for c in refused)
    return f"the file system does not take these characters in names: {shown}; use --safe-names"
