"""Which files of the output are a photo's own, while a run works on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.edits import OwnFiles, is_edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.marks import mark_of


def targets_that_exist(job: Job, look: Look, task: ImageTask) -> Iterator[str]:
    """Names among the job's targets for a photo under which something is there.

    Args:
        job: the work.
        look: what is in the output.
        task: the photo.
    """
    for name in job.targets(task):
        if not name.endswith("/"):
            if look.status(name) is not None:
                yield name
            continue
        inner = look.names_in(name.removesuffix("/"))
        yield from (one for one in inner if not look.is_folder(one))


def reclaim(job: Job, look: Look, task: ImageTask, *, is_dead: bool = False) -> ImageTask:
    """Let a photo replace what its worker wrote before it died.

    A run is planned only for photos with no foreign file under their targets, so a file that is
    there now was written for the photo.

    Args:
        job: the work.
        look: what is in the output now.
        task: the photo, as it was when its worker saved it.
        is_dead: the worker surely writes no more: whoever changes a file from here on, which may be
            hours before the photo is tried again, is somebody else.
    """
    if task.may_replace is None:
        return task
    own = task.may_replace
    known: dict[str, int | None] = own if isinstance(own, OwnFiles) else dict.fromkeys(own)
    there = [name for name in targets_that_exist(job, look, task) if look.has_file(name)]
    written = _left_by_worker(look, known, there) if is_dead else dict.fromkeys(there)
    return task._replace(may_replace=OwnFiles({**known, **written}))


def _left_by_worker(
    look: Look, known: Mapping[str, int | None], there: Sequence[str]
) -> dict[str, int | None]:
    """CRC-32 of those files that are as they were, or as their marks say that they were written.

    Where no file has a mark, as on file systems without them, all count as the worker's.
    """
    marks = {name: look.mark(name) for name in there}
    found = {name: look.checksum(name) for name in there}
    if not any(marks.values()):
        return found
    return {
        name: now
        for name, now in found.items()
        if now in (None, known.get(name)) or mark_of(name, now) == marks[name]
    }


def replaced_files(job: Job, look: Look, task: ImageTask) -> dict[str, int | None]:
    """What the work on a photo replaced before it failed: it has other bytes than before.

    Args:
        job: the work.
        look: what is in the output now.
        task: the photo.

    Returns:
        CRC-32 of each now, by name.
    """
    own = task.may_replace
    if not isinstance(own, OwnFiles):
        return {}
    replaced = (name for name in job.targets(task) if is_edited(look, name, own.get(name)))
    return {name: look.checksum(name) for name in replaced}


def written_files(look: Look, task: ImageTask) -> dict[str, int | None]:
    """What is in the output of a photo that is given up, so that a later run may replace it.

    Args:
        look: what is in the output now.
        task: the photo, as ``reclaim`` gives it.

    Returns:
        CRC-32 of each as it was then, by name; None where that is not known.
    """
    own = task.may_replace
    known: dict[str, int | None] = own if isinstance(own, OwnFiles) else dict.fromkeys(own or ())
    return {name: written for name, written in known.items() if look.has_file(name)}
