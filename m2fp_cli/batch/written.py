"""What runs have written into an output: a run never reads that as photos."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.batch.history import read_history
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import JOBS, SHEET_MARK, possible_names, sheet_name
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.tree import OutputTree


def written_files(output: Path) -> NameSet:
    """Names of all files that runs have written into an output; none where it is not one.

    The files of a run that was cut short count by their photo's key.

    Raises:
        UnreadableError: what is written there cannot be read.
        OutputError: there is no room for temporary files.
    """
    try:
        tree = OutputTree(output)
    except OutputError:
        return NameSet()
    with tree:
        return NameSet(_names(tree))


def _names(tree: OutputTree) -> Iterator[str]:
    for job in JOBS:
        history = read_history(tree, job)
        for entry in history.entries.each():
            yield from entry.report.files
        for key in history.claimed_keys():
            yield from possible_names(job, key)
    yield from sheets_in(tree)


def sheets_in(tree: OutputTree, first: int = 1) -> Iterator[str]:
    """Names of the pages of the contact sheet that is in an output.

    Args:
        tree: the output.
        first: number of the first page that is looked for.
    """
    for page in itertools.count(first):
        if not is_sheet(tree, sheet_name(page)):
            return
        yield sheet_name(page)


def is_sheet(tree: OutputTree, name: str) -> bool:
    """Whether a file of an output is a page of a contact sheet of ours; not if it is closed."""
    if not tree.has_file(name):
        return False
    try:
        with os.fdopen(tree.open_file(name, os.O_RDONLY), "rb") as file:
            return SHEET_MARK in file.read(len(SHEET_MARK) + 8)
    except OSError:
        return False
