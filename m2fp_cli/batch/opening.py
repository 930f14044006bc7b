"""What a run opens before it begins: its output, and its site."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.site import LocalSite, Site
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import check_writable


def open_output(path: Path) -> OutputTree:
    """Open an output, made if it is missing, and prove that files can be written there.

    Raises:
        OutputError: they cannot.
    """
    tree = OutputTree(path, create=True)
    try:
        check_writable(tree)
    except OutputError:
        tree.close()
        raise
    return tree


@contextlib.contextmanager
def open_site(
    options: RunOptions, scan: Scan, job: Job, tree: OutputTree, switch: StopSwitch
) -> Iterator[Site]:
    """Where the run's photos and results are; an output in a store is held for this run.

    Raises:
        OutputLockedError: another run holds it.
        UsageError: photos of a store are to be compared by their bytes.
        M2fpError: the store cannot be reached or written.
    """
    if options.remote is None or not options.uses_stores(scan):
        yield LocalSite(tree, job)
        return
    if options.checksum and (scan.is_stored or options.remote.results is not None):
        raise UsageError(
            "--checksum is for photos of this machine; those of stores are known by their ETags"
        )
    works_here = options.executor.works_here
    with options.remote.open_site(job, tree, options.shard, switch, works_here=works_here) as site:
        yield site
