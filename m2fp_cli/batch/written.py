"""What runs have written into an output: a run never reads that as photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.batch.history import read_history
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import JOBS, possible_names
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.tree import OutputTree


def written_files(output: Path) -> NameSet:
    """Names of all files that runs have written into an output; none where it is not one.

    The files of a run that was cut short count by their photo's key.
    """
    try:
        with OutputTree(output) as tree:
            return NameSet(_names(tree))
    except OutputError:
        return NameSet()


def _names(tree: OutputTree) -> Iterator[str]:
    for job in JOBS:
        history = read_history(tree, job)
        for entry in history.entries.each():
            yield from entry.report.files
        for key in history.claimed_keys():
            yield from possible_names(job, key)
