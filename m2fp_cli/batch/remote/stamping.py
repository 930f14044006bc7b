"""Stamps of what a photo's outputs are made from, where some of it is in a store."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.stamps import GONE, FileStamp, Stamp, stamp_files
from m2fp_cli.batch.tasks import ImageTask


def stamp_inputs(job: Job, task: ImageTask, results: Mirror | None, *, checksum: bool) -> Stamp:
    """Stamp the files that a job reads for a photo; what is in a store as the store listed it.

    Args:
        job: says what it reads.
        task: the photo, as the run knows it.
        results: what the job reads of an earlier parse in a store; None if it is not there.
        checksum: read the files of this machine as well.
    """
    stamps: list[FileStamp] = []
    for path in map(Path, job.depends_on(task)):
        if task.origin and path == task.source:
            stamps.append(task.listed or FileStamp(GONE, 0))
        elif results is not None and path.is_relative_to(results.folder):
            found = results.listing.stamp(path.relative_to(results.folder).as_posix())
            stamps.append(FileStamp(*found) if found else FileStamp(GONE, 0))
        else:
            stamps += stamp_files((path,), checksum=checksum)
    return tuple(stamps)
