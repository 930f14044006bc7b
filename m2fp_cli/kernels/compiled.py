"""Loops that numba compiles on first use and keeps.

They need no compiler, and where the installation is read-only numba keeps the code in the user's
cache folder. By itself it compiles a loop again when the loop's own file changes; what a loop takes
from other files would stay as it was. Here any change in this folder counts as well: loops
elsewhere in the package take from it and from their own file only.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a loop over arrays, to be called without the interpreter lock.

    Sums may be taken in any order, and a division by zero gives infinity.
    """
    return _compile(loop, fastmath=True)


def compiled_exactly(loop: Loop) -> Loop:
    """The same, but every operation rounds as it stands."""
    return _compile(loop, fastmath=False)


def _compile(loop: Loop, *, fastmath: bool) -> Loop:
    dispatcher = numba.njit(nogil=True, cache=True, fastmath=fastmath, error_model="numpy")(loop)
    # What numba compares is private, but has been the same since 2016; a test watches it.
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = source_stamp(Path(loop.__code__.co_filename))
    return cast("Loop", dispatcher)


def source_stamp(path: Path) -> str:
    """What changes with the kernels and with a file of loops elsewhere."""
    return source_digest() + hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def source_digest(folder: Path = Path(__file__).parent) -> str:
    """SHA-256 over the Python files of the kernels, or of another folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
