"""Finds out before minutes of work whether what they make can be written."""

from __future__ import annotations

import os
from pathlib import Path

from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import check_writable, refuse_unmarked


def check_file(path: Path, mark: bytes) -> None:
    """Check that ``write_file`` can write a file; makes nothing.

    Args:
        path: as the user named it.
        mark: as ``write_file`` takes it.

    Raises:
        OutputError: it cannot, or a file is there that m2fp did not write.
    """
    refuse_unmarked(path.absolute(), mark)
    check_folder(path.absolute().parent)


def check_folder(path: Path) -> None:
    """Check that files can be written in a folder, which is made later if it is missing.

    Raises:
        OutputError: they cannot.
    """
    here = path.absolute()
    while not os.path.lexists(here) and here != here.parent:
        here = here.parent
    with OutputTree(here) as tree:
        check_writable(tree)
