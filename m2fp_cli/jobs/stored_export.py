"""The files of a whole data set in an object store; see ``jobs.export_files``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from m2fp_cli.batch.history import read_history
from m2fp_cli.batch.remote.lease import hold_stored_part
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.state import pull
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.jobs.common_files import files_name, foreign_file, note_owned, read_owned
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jobs.export_files import common_names, finish_export
from m2fp_cli.jobs.export_names import read_names
from m2fp_cli.jobs.export_photos import done_photos, failed_photos
from m2fp_cli.layout import export_record_name
from m2fp_cli.storage.errors import ConflictError


def read_stored_names(output: Mirror, export: str, keys: Sequence[str]) -> dict[str, str]:
    """As ``export_names.read_names``, of an output in a store.

    Raises:
        M2fpError: the store cannot be read.
    """
    output.fetch_all(export_record_name(export, key) for key in keys)
    return read_names(output.folder, export, keys)


def check_stored(job: ExportJob, output: Mirror, *, overwrite: bool = False) -> None:
    """Look before the work whether ``finish_stored`` may put its files.

    Raises:
        ConflictError: an object of that name is there that no export put.
        M2fpError: the store cannot be read.
    """
    output.fetch(files_name(job.format_name))
    if not overwrite:
        own = read_owned(output.tree, job.format_name)
        _refuse_foreign(output, [name for name in common_names(job) if name not in own])


def finish_stored(
    job: ExportJob,
    tasks: Sequence[ImageTask],
    output: Mirror,
    *,
    overwrite: bool = False,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Write the files of the whole data set, from what was noted of each photo.

    The notes are copied to this machine, the files made here and put: by one shard at a time, or
    the lists would lack what another one has read.

    Args:
        job: the export.
        tasks: all photos of the data set.
        output: stands for the output.
        overwrite: replace files that no export wrote.
        tell: as in ``finish_export``.

    Raises:
        ConflictError: a file of that name is there that no export wrote, or that somebody changed.
        OutputLockedError: another shard has been writing them for minutes.
        M2fpError: the store fails, or a file cannot be written.
    """
    with hold_stored_part(output, job.name) as lease:
        pull(output, (job.name,))
        history = read_history(output.tree, job.name)
        there = itertools.chain(done_photos(history), failed_photos(history))
        output.fetch_all(export_record_name(job.format_name, key) for key, _ in there)
        is_known = output.fetch(files_name(job.format_name))
        own = read_owned(output.tree, job.format_name)
        output.fetch_all(own)  # who changed one is not known before
        before = {name: output.tree.checksum(name) for name in own}
        trouble = None
        try:
            finish_export(job, tasks, overwrite=overwrite, tell=tell)
        except ConflictError as error:  # about what somebody changed; the rest is made
            trouble = ConflictError(str(error).replace(str(output.folder), str(output.address)))
        lease.check()
        _put_lists(output, job.format_name, before, is_known=is_known, overwrite=overwrite)
    if trouble is not None:
        raise trouble


def _put_lists(
    output: Mirror,
    export: str,
    before: Mapping[str, int | None],
    *,
    is_known: bool,
    overwrite: bool,
) -> None:
    """Put what was made, and remove what is not in the data set any more.

    Args:
        output: stands for the output.
        export: the format's name.
        before: checksums of what an export put before, None where it is gone.
        is_known: there is a record of it.
        overwrite: replace files that no export wrote.

    Raises:
        ConflictError: a file is there that no export wrote, or somebody changed one meanwhile.
        M2fpError: the store fails.
    """
    owned = read_owned(output.tree, export)
    there = {name: output.tree.checksum(name) for name in (*before, *owned)}
    new = [name for name in owned if there[name] not in (None, before.get(name))]
    if not overwrite:  # before the record says that they are ours
        _refuse_foreign(output, [name for name in new if name not in before])
    for name in before:
        is_gone = there[name] is None and name not in owned
        if is_gone and not output.is_edited(name, before[name]):
            output.bucket.delete(output.name_in_bucket(name))
    both = {name: (*owned[name], found) for name in new if (found := before.get(name)) is not None}
    note_owned(output.tree, export, {**owned, **both})  # if this is cut short, either may be there
    output.put(files_name(export), may_replace=is_known)
    for name in new:
        if name in before and not overwrite:
            output.put_over(name, before[name])
        else:
            output.put(name, may_replace=overwrite)
    if both:
        note_owned(output.tree, export, owned)
        output.put(files_name(export), may_replace=True)
    for name in there:
        output.drop(name)


def _refuse_foreign(output: Mirror, names: Iterable[str]) -> None:
    for name in names:
        if output.head(name) is not None:
            raise foreign_file(f"{output.address}/{name}")
