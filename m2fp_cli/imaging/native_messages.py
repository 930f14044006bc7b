"""Takes the lines that C libraries print, so that they do not reach the terminal nameless.

libtiff writes ``_tiffReadProc: ...`` to the standard error of the process, without the file's name;
a folder of damaged files would print hundreds of such lines.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_MAX_BYTES = 1 << 16


@contextlib.contextmanager
def capture_stderr(lines: list[str]) -> Iterator[None]:
    """Collect what is written to file descriptor 2 inside, by anything in this process.

    Args:
        lines: gets the lines at the end.
    """
    try:
        sink = os.memfd_create("messages")
    except OSError:
        yield
        return
    saved = os.dup(2)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        lines += os.pread(sink, _MAX_BYTES, 0).decode("utf-8", "replace").splitlines()
        os.close(saved)
        os.close(sink)
