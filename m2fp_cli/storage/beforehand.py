"""Finds out before minutes of work whether what they make can be written."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.errors import UsageError
from m2fp_cli.storage.errors import as_output_error
from m2fp_cli.storage.remote.address import names_store, only_here
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import check_writable, refuse_unmarked


def check_file(path: Path, mark: bytes, room: int = 0) -> None:
    """Check that ``write_file`` can write a file; makes nothing.

    Args:
        path: as the user named it.
        mark: as ``write_file`` takes it.
        room: bytes that the file may need.

    Raises:
        OutputError: it cannot, or a file is there that m2fp did not write.
    """
    refuse_unmarked(path.absolute(), mark)
    check_folder(path.absolute().parent, room)


def check_folder(path: Path, room: int = 0) -> None:
    """Check that files can be written in a folder, which is made later if it is missing.

    Args:
        path: as the user named it.
        room: bytes that must fit into it.

    Raises:
        OutputError: they cannot.
        UsageError: it is an address in an object store.
    """
    if names_store(path):
        raise UsageError(only_here(path))
    here = path.absolute()
    while not _is_there(here) and here != here.parent:
        here = here.parent
    with OutputTree(here) as tree:
        check_writable(tree, room)


def _is_there(path: Path) -> bool:
    """Whether something, perhaps a link, has a path.

    Raises:
        OutputError: nothing can have it: a part of it is too long, or it cannot be looked at.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise as_output_error(str(path), error) from error
    return True
