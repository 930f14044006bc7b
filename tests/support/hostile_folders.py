"""What a folder can hold: odd names, invalid UTF-8, a loop, a pipe, a socket, a locked door.

A full disk is ``/dev/full``, in the tests of the writer.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.picture_bytes import encoded, photo_rgb

NOBODY = 65534  # user id without any rights, for tests that run as root

AWKWARD_NAMES: tuple[bytes, ...] = (
    b"line\nbreak.jpg",
    b"[red]markup[bold].jpg",
    b"caf\xe9-latin1.jpg",  # invalid as UTF-8
    b"\xff\xfe.jpg",
    b"\x1b[31mred.jpg",
    "右から‮gpj.jpg".encode(),
    b" leading and trailing .jpg",
    b"-o.jpg",
    b"n" * 251 + b".jpg",  # 255 bytes, the longest name Linux allows
    "é".encode() * 125 + b"x.jpg",  # 255 bytes, and the cut falls between two halves of a letter
    b"UPPER.JPG",
)


def make_fifo(path: Path) -> Path:
    """A named pipe, which blocks whoever opens it for reading."""
    os.mkfifo(path)
    return path


@contextmanager
def make_socket(path: Path) -> Iterator[Path]:
    """A listening socket in the file system; ``path`` must be shorter than 108 bytes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


def make_self_symlink(folder: Path) -> Path:
    """A link inside ``folder`` to ``folder``: an endless tree for who follows it."""
    link = folder / "loop"
    link.symlink_to(folder, target_is_directory=True)
    return link


def make_awkward_photos(folder: Path) -> list[Path]:
    """One tiny photo for each of ``AWKWARD_NAMES``."""
    data = encoded(photo_rgb(8, 8), "JPEG")
    paths = [folder / os.fsdecode(name) for name in AWKWARD_NAMES]
    for path in paths:
        path.write_bytes(data)
    return paths


@contextmanager
def without_rights() -> Iterator[Path]:
    """An empty folder, and a process to which file modes apply although it may have been root."""
    folder = Path(tempfile.mkdtemp(prefix="m2fp-test-"))
    folder.chmod(0o777)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        for parent, children, _ in os.walk(folder):
            for child in (Path(parent, name) for name in children):
                if not child.is_symlink():
                    child.chmod(0o777)
        shutil.rmtree(folder)
