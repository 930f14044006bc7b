"""Reads the bytes of one file, and never blocks on a pipe or device."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from m2fp_cli.errors import ImageError

MAX_FILE_BYTES = 256 * 1024 * 1024

# O_NONBLOCK: otherwise, opening a named pipe would wait for a writer for ever.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_bytes(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read the whole of a regular file, or of a link to one.

    Args:
        path: any path, also one whose name is not valid UTF-8.
        max_bytes: largest allowed file.

    Returns:
        Its bytes; empty for an empty file.

    Raises:
        ImageError: ``vanished`` if nothing is there, ``unreadable`` if it cannot be read,
            ``unsupported`` for folders, pipes, sockets and devices, ``too_large`` above
            ``max_bytes``.
    """
    try:
        # Checked before it is opened, because opening some devices has an effect.
        _refuse_irregular(path.stat().st_mode)
        with os.fdopen(os.open(path, _FLAGS), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            _refuse_irregular(status.st_mode)
            _refuse_large(status.st_size, max_bytes)
            data = file.read(max_bytes + 1) or b""
            while len(data) <= max_bytes and (more := file.read(max_bytes + 1 - len(data))):
                data += more
    except (OSError, ValueError) as error:
        raise as_image_error(error) from error
    _refuse_large(len(data), max_bytes)
    return data


def _refuse_irregular(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a special file")
    raise ImageError("unsupported", f"is {kind}, not a file")


def _refuse_large(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImageError(
            "too_large",
            f"is larger than the limit of {max_bytes / 2**20:.4g} MB; export it smaller",
        )


def as_image_error(error: OSError | ValueError) -> ImageError:
    """The ``ImageError`` for an error that reading a file or folder raised.

    Args:
        error: from the operating system, or a ``ValueError`` for an impossible path.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return ImageError("vanished", "does not exist (any more)")
    if number in (errno.EACCES, errno.EPERM):
        return ImageError("unreadable", "cannot be read: permission denied; check its permissions")
    if number == errno.ELOOP:
        return ImageError("unreadable", "is a link that leads back to itself")
    if number == errno.ENXIO:
        return ImageError("unsupported", "is a socket or device, not a file")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ImageError("unreadable", f"cannot be read: {reason}")
