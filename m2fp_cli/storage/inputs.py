"""Folders and files that a command was told to read: what is missing is said before any work."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.errors import NoInputError, OutputError
from m2fp_cli.layout import STATE_FOLDER
from m2fp_cli.storage.errors import UnreadableError, as_unreadable
from m2fp_cli.storage.remote.address import names_store
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable


def require_folder(path: Path, advice: str) -> None:
    """Check that a folder is there and can be read.

    Args:
        path: as the user named it.
        advice: what to do if it is not, such as ``name one that holds photos``.

    Raises:
        NoInputError: it is not.
    """
    reason = _why_missing(path)
    if not reason:
        reason = _why_closed(path) if path.is_dir() else "is not a folder"
    if reason:
        raise NoInputError(f"{displayable(path)} {reason}; {advice}")


def require_file(path: Path, advice: str) -> None:
    """Check that a regular file is there and can be read; see ``require_folder``.

    Raises:
        NoInputError: it is not.
    """
    reason = _why_missing(path)
    if not reason:
        reason = _why_closed(path) if stat.S_ISREG(path.stat().st_mode) else "is not a file"
    if reason:
        raise NoInputError(f"{displayable(path)} {reason}; {advice}")


@contextlib.contextmanager
def open_earlier(path: Path) -> Iterator[OutputTree]:
    """Open the output of an earlier run, to read it.

    Raises:
        NoInputError: it is not there, or cannot be read; neither can what is read of it meanwhile.
        UsageError: it is an address in an object store.
    """
    if not names_store(path):
        require_folder(path, "name the folder that a run wrote to")
    with _open_tree(path) as tree:
        try:
            yield tree
        except UnreadableError as error:
            raise NoInputError(str(error)) from error


def advise_output(folder: Path) -> str:
    """Words that name the output which a folder is a part of; empty where it is of none."""
    if names_store(folder):
        return ""
    for parent in Path(os.path.abspath(folder)).parents:  # noqa: PTH100 - resolves no links
        with contextlib.suppress(OSError):  # it may not be looked into
            if (parent / STATE_FOLDER).is_dir():
                return f", such as {displayable(parent)}, which holds it"
    return ""


def _open_tree(path: Path) -> OutputTree:
    try:
        return OutputTree(path)
    except OutputError as error:
        if not isinstance(error.__cause__, OSError):
            raise NoInputError(str(error)) from error
        raise NoInputError(str(as_unreadable(str(path), error.__cause__))) from error


def _why_missing(path: Path) -> str:
    """Why nothing can be read at a path; empty if something is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError as error:  # a null byte in it
        return f"cannot be read ({error})"
    return ""


def _why_closed(path: Path) -> str:
    """Why a folder or file that is there cannot be read; empty if it can."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        if path.is_dir():
            (path / "x").exists()  # names in it can be listed, but can they be looked at?
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""
