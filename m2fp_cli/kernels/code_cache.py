"""Where numba keeps compiled loops.

Beside the package where that can be written, as numba does by itself. Where it cannot, in the
user's cache folder, and without one in a private temporary folder. Code that was compiled with the
installation, as an image of a container does, is copied there first: numba writes to a cache
before it reads from it, and would compile everything again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any

from m2fp_cli.home import is_writable, private_folder, user_cache

NO_CODE_CACHE = (
    "no folder can be written to keep compiled code in, so each worker takes half a minute longer "
    "to start; set NUMBA_CACHE_DIR to a folder that can"
)
"""Said to the user when ``choose_code_cache`` gives False."""


_FAULTS = (OSError, EOFError, pickle.UnpicklingError)  # a full disk; a file that was cut off


@functools.cache
def choose_code_cache() -> bool:
    """Settle once where compiled loops are kept.

    Returns:
        False where nothing can be kept: each process then compiles anew.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return is_writable(Path(os.environ["NUMBA_CACHE_DIR"]))
    if is_writable(Path(__file__).parent / "__pycache__"):
        return True
    folder = next((one for one in _candidates() if one is not None and is_writable(one)), None)
    if folder is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(folder)  # of the processes that this one starts, too
    return folder is not None


def _candidates() -> tuple[Path | None, Path | None]:
    cache = user_cache()
    return None if cache is None else cache / "m2fp" / "numba", private_folder("numba")


@functools.cache
def copy_shipped_code(shipped: Path, kept: Path) -> None:
    """Copy compiled loops that came with the installation, unless the kept ones are newer.

    Args:
        shipped: ``__pycache__`` beside the sources.
        kept: where numba looks for the loops of the same sources.
    """
    if shipped == kept:
        return
    # Indexes (.nbi) last: they name files of code (.nbc).
    for path in sorted(shipped.glob("*.nb[ci]")):
        with contextlib.suppress(OSError):
            target = kept / path.name
            if not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
                _copy(path, target)


def outlive_cache(kept: Any) -> None:
    """Compile a loop for this process alone where its code cannot be read or kept.

    Its index is written before its code, without a lock. So a process that is killed in between, or
    several that start together, may leave a name in it under which lies the code for other types,
    of older sources, or for the processor of another machine that has the same folder. The code
    therefore says itself what it is for.

    Args:
        kept: numba's files of the loop, whose ``load`` and ``save`` are replaced.
    """
    load, save = kept.load, kept.save

    def load_what_is_whole(key: object) -> object:
        with contextlib.suppress(*_FAULTS, ValueError, TypeError):  # of another form, or nothing
            stamp, is_for, data = load(key)
            return data if (stamp, is_for) == (kept._source_stamp, key) else None
        return None

    def save_where_there_is_room(key: object, data: object) -> None:
        try:
            save(key, (kept._source_stamp, key, data))
        except _FAULTS:
            with contextlib.suppress(OSError):  # it may name a file with the code of older sources
                Path(kept._index_path).unlink()

    kept.load, kept.save = load_what_is_whole, save_where_there_is_room


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that no other process sees a part of it; who may read it may read the copy.

    Raises:
        OSError: it cannot be copied; nothing of it is left.
    """
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as whole:
        try:
            whole.write(source.read_bytes())
            whole.flush()
            with contextlib.suppress(OSError):  # some file systems have no permissions
                shutil.copymode(source, whole.name)  # else only this user could read it
            Path(whole.name).replace(target)
        except OSError:
            Path(whole.name).unlink()
            raise
