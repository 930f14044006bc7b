"""Loops that numba compiles on first use and keeps on disk.

This needs no C compiler; ``code_cache`` says where the code is kept. numba compiles a loop again
when the loop's own file changes, but not when a file that the loop imports from does. Here a change
of any file in this folder counts as well. Loops elsewhere in the package must therefore use only
this folder and their own file.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from m2fp_cli.kernels.code_cache import choose_code_cache, copy_shipped_code, outlive_cache
from m2fp_cli.kernels.compiling import watch_compiling

Loop = TypeVar("Loop", bound=Callable[..., Any])

# numba takes settings from a file of the current folder, which may be somebody's photos: where
# compiled code is kept, for one, which is loaded by running it. The environment still counts.
numba.config._config_fname = os.devnull
watch_compiling()


def compiled(loop: Loop) -> Loop:
    """Compile a loop over arrays; it runs without the interpreter lock.

    With fast math: sums may be taken in any order, and a division by zero gives infinity.

    A loop that adds up many numbers must not store into an array as well, unless it reads from that
    array only. Otherwise LLVM compiles it twice, as vectors and number by number, and takes the
    second where the arrays lie within 256 bytes of each other. The two add up in different orders,
    so the last digits would depend on where memory happens to lie.
    """
    return _compile(loop, fastmath=True)


def compiled_exactly(loop: Loop) -> Loop:
    """Compile a loop over arrays without fast math: every operation is rounded as written."""
    return _compile(loop, fastmath=False)


def _compile(loop: Loop, *, fastmath: bool) -> Loop:
    cache = choose_code_cache()
    numba.config.reload_config()  # type: ignore[no-untyped-call]  # it reads the environment
    dispatcher = numba.njit(nogil=True, cache=cache, fastmath=fastmath, error_model="numpy")(loop)
    # This attribute of numba is private, but has been the same since 2016; a test watches it.
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        source = Path(loop.__code__.co_filename)
        kept._source_stamp = source_stamp(source)
        outlive_cache(kept)
        copy_shipped_code(source.parent / "__pycache__", Path(kept._cache_path))
    return cast("Loop", dispatcher)


def source_stamp(path: Path) -> str:
    """A text that changes with any file of this folder and with the file at ``path``."""
    return source_digest() + hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def source_digest(folder: Path = Path(__file__).parent) -> str:
    """SHA-256 in hexadecimal over the Python files of this folder, or of another one."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
