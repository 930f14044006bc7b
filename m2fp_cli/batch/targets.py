"""Which files of the output are a photo's own, while a run works on it."""

from __future__ import annotations

from collections.abc import Iterator

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.edits import OwnFiles, is_edited
from m2fp_cli.storage.look import Look


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


def reclaim(job: Job, look: Look, task: ImageTask) -> ImageTask:
    """Let a photo replace what its worker wrote before it died.

    A run is planned only for photos with no foreign file under their targets, so a file that is
    there now was written for the photo.

    Args:
        job: the work.
        look: what is in the output now.
        task: the photo, as it was when its worker saved it.
    """
    if task.may_replace is None:
        return task
    own = task.may_replace
    known: dict[str, int | None] = own if isinstance(own, OwnFiles) else dict.fromkeys(own)
    there = (name for name in targets_that_exist(job, look, task) if look.has_file(name))
    return task._replace(may_replace=OwnFiles({**known, **dict.fromkeys(there)}))


def replaced_files(job: Job, look: Look, task: ImageTask) -> tuple[str, ...]:
    """What the work on a photo replaced before it failed: it has other bytes than before.

    Args:
        job: the work.
        look: what is in the output now.
        task: the photo.
    """
    own = task.may_replace
    if not isinstance(own, OwnFiles):
        return ()
    return tuple(name for name in job.targets(task) if is_edited(look, name, own.get(name)))


def written_files(look: Look, task: ImageTask) -> tuple[str, ...]:
    """What is in the output of a photo that is given up, so that a later run may replace it.

    Args:
        look: what is in the output now.
        task: the photo, as ``reclaim`` gives it.
    """
    return tuple(name for name in task.may_replace or () if look.has_file(name))
