"""Small file systems of their own, for what only a full or a read-only one shows."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.torture.setting import SkippedError


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory, mounted at a new folder.

    Raises:
        SkippedError: this user may not mount.
    """
    folder.mkdir()
    if os.geteuid() != 0:
        raise SkippedError("only root may mount the small disk that this needs")
    done = _mount("-t", "tmpfs", "-o", options, "m2fp-torture", folder)
    if done.returncode:
        raise SkippedError(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def remount(folder: Path, options: str) -> None:
    """Change the options of a mounted disk.

    Raises:
        SkippedError: that cannot be done here.
    """
    done = _mount("-o", f"remount,{options}", folder)
    if done.returncode:
        raise SkippedError(f"a disk cannot be mounted again here: {done.stderr.strip()}")


def _mount(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["mount", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True)
