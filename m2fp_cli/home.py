"""Folders of the user that m2fp runs as, where that user may have no home.

Services, containers with ``--user`` and cron may leave ``HOME`` unset, empty, unwritable, or set to
another user's folder. ``Path.home()`` then raises, or gives a folder that is literally named ``~``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile
from pathlib import Path


def user_cache() -> Path | None:
    """Cache folder of this user; it need not exist, and may not be writable.

    Returns:
        ``$XDG_CACHE_HOME``, or ``.cache`` in the home folder; None where there is no home.
    """
    return _user_folder("XDG_CACHE_HOME", ".cache")


def user_data() -> Path | None:
    """Folder of what this user wants to keep; it need not exist, and may not be writable.

    Returns:
        ``$XDG_DATA_HOME``, or ``.local/share`` in the home folder; None where there is no home.
    """
    return _user_folder("XDG_DATA_HOME", ".local/share")


def _user_folder(variable: str, usual: str) -> Path | None:
    """By the XDG Base Directory specification, which ignores relative paths."""
    given = Path(os.environ.get(variable, ""))
    if given.is_absolute():
        return given
    home = home_folder()
    return None if home is None else home / usual


def home_folder() -> Path | None:
    """``$HOME``, or else the home of the password database; None where neither is absolute."""
    candidates = [Path(os.environ.get("HOME", ""))]
    with contextlib.suppress(KeyError):  # a container's user often has no entry
        candidates.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return next((one for one in candidates if one.is_absolute()), None)


def expand_home(text: str) -> Path:
    """A path whose leading ``~`` stands for a home folder; as it is where there is no home."""
    with contextlib.suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def private_folder(name: str) -> Path | None:
    """A folder below the system's temporary folder that only this user can write.

    Its name holds the user's id, so that all processes of a user share it. A folder of that name
    which somebody else made is not used: what is loaded from it would be theirs.

    Args:
        name: what it is for.

    Returns:
        None where no such folder can be had.
    """
    path = Path(tempfile.gettempdir()) / f"m2fp-{os.getuid()}-{name}"
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return path if own and not found.st_mode & 0o022 else None


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made first if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
