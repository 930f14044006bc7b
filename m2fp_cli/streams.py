"""The standard streams of the process, whatever state the caller left them in.

A stream may be closed (``2>&-``, some job schedulers), on a full disk, or on a terminal that is
gone. Standard output has the data that was asked for: what cannot be written there is an error.
Standard error only says how it goes: a run does not end because nobody can read along.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any, TextIO, cast


class StreamError(Exception):
    """Standard output takes no more; not an ``OSError``, which would be taken for a file's.

    Without a text where its reader, such as ``head``, has seen enough.
    """


def guard_streams() -> None:
    """Make both streams behave as above, and closed input empty; for the start of the process.

    A closed descriptor is filled first: the next file that is opened would get its number, and
    what libraries print would land in it.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        if not _is_open(number):
            os.open(os.devnull, flags)  # takes the lowest free number; writing to 1 still fails
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    output = sys.stdout or os.fdopen(1, "w", closefd=False)
    errors = sys.stderr or os.fdopen(2, "w", closefd=False)
    sys.stdout, sys.stderr = cast(TextIO, _DataStream(output)), cast(TextIO, _TalkStream(errors))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def drop_output() -> None:
    """Let what standard output still holds go, which would fail again at the process's end."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


class _Stream:
    """A stream with its failures seen to; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Have the text leave the process."""
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        raise error


class _DataStream(_Stream):
    def _failed(self, error: OSError) -> None:
        if error.errno == errno.EPIPE:
            raise StreamError from error
        reason = error.strerror or type(error).__name__
        raise StreamError(f"cannot write to standard output: {reason}") from error


class _TalkStream(_Stream):
    def _failed(self, error: OSError) -> None:
        """Go on."""
