"""Files of a whole data set: the manifest, lists and whatever else its format ends with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from m2fp_cli.batch.history import read_history
from m2fp_cli.batch.lock import hold_part
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.exports.format import Item, to_json
from m2fp_cli.jobs.export import MOST_FILES, ExportJob
from m2fp_cli.jsonio import list_of, object_of, parse_object, text_of, whole_of
from m2fp_cli.layout import export_record_name, state_name
from m2fp_cli.records.stored_people import MAX_PEOPLE
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import refuse_foreign, write_group
from m2fp_cli.terminal import displayable
from m2fp_cli.version import __version__

MANIFEST = "manifest.json"


def common_names(job: ExportJob) -> list[str]:
    """Names of the files of the whole data set, below the output."""
    names = (*job.format.finish((), job.settings), MANIFEST)
    return [f"{job.format_name}/{name}" for name in names]


def check_common_files(job: ExportJob, *, overwrite: bool = False) -> None:
    """Look before the work whether ``finish_export`` may write its files.

    Raises:
        ConflictError: a file of that name is there that no export wrote.
        OutputError: the output cannot be looked at.
    """
    if job.output.exists():
        with OutputTree(job.output) as tree:
            _refuse_foreign(tree, job, common_names(job), read_owned(tree, job), overwrite)


def finish_export(
    job: ExportJob,
    tasks: Sequence[ImageTask],
    *,
    overwrite: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Write the files of the whole data set, from what was noted of each photo.

    Args:
        job: the export.
        tasks: all photos of the data set; those that failed are left out.
        overwrite: replace files that no export wrote.
        tell: takes a line about what the data set lacks, if it lacks anything that others have.
            Without any photo that is done, an earlier data set stays as it is.

    Returns:
        the manifest, which says where each file comes from.

    Raises:
        ConflictError: a file of that name is there that no export wrote.
        OutputLockedError: another shard has been writing them for minutes.
        OutputError: a file cannot be written.
    """
    wanted = job.format
    # Who reads first must write first, or the lists would lack what the other has read.
    with OutputTree(job.output) as tree, hold_part(tree, job.name):
        items = read_items(tree, job, tasks)
        if not items and read_owned(tree, job):
            if tell is not None:
                tell("no photo could be exported; the data set stays as it was")
            return job.folder / MANIFEST
        files = wanted.finish(items, job.settings)
        files[MANIFEST] = _manifest(job, items)
        named = {f"{wanted.name}/{name}": data for name, data in files.items()}
        _write_owned(tree, job, named, overwrite=overwrite)
    if tell is not None and (lacking := _without_joints(items)):
        reasons = ", ".join(f"{count} {reason}" for reason, count in lacking.items())
        tell(f"people without joints: {reasons}")
    return job.folder / MANIFEST


def read_items(tree: OutputTree, job: ExportJob, tasks: Sequence[ImageTask]) -> list[Item]:
    """The photos of a data set that are done, in the order of the tasks.

    Raises:
        OutputError: a record was damaged.
    """
    entries = read_history(tree, job.name).entries
    items = []
    for task in tasks:
        entry = entries.get(task.key)
        if entry is None or not entry.report.status.is_good:
            continue
        name = export_record_name(job.format_name, task.key)
        try:
            document = parse_object(tree.read(name))
            source, record = text_of(document, "source"), object_of(document, "record")
            lacking = object_of({"without_joints": {}, **document}, "without_joints")
            counts = {reason: whole_of(lacking, reason, 0, MAX_PEOPLE) for reason in lacking}
            items.append(Item(text_of(document, "name"), source, record, counts))
        except (ImageError, ValueError) as error:
            raise OutputError(
                f"{job.output / name} {error}; export again with --rerun all"
            ) from error
    return items


def _manifest(job: ExportJob, items: Sequence[Item]) -> bytes:
    """Which photo each name comes from, and what puts a result back; what is not here and why."""
    document: dict[str, Any] = {
        "format": job.format_name,
        "m2fp": __version__,
        "settings": dict(job.signature()),
        "not_made": dict(job.format.not_made),
        **({"without_joints": _without_joints(items)} if job.format.joints else {}),
        "photos": [
            {"name": item.name, "source": item.source, **_shown(item.record)} for item in items
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=True).encode("ascii") + b"\n"


def _without_joints(items: Sequence[Item]) -> dict[str, int]:
    """How many of all people have no joints, by the reason, the most frequent first."""
    total: Counter[str] = Counter()
    for item in items:
        total.update(item.without_joints)
    return dict(total.most_common())


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    people = record.get("people")
    return {"people": people} if isinstance(people, list) else {}


def _write_owned(
    tree: OutputTree, job: ExportJob, files: Mapping[str, bytes], *, overwrite: bool
) -> None:
    """Write files of the whole data set; only those that an earlier export wrote are replaced."""
    state, own = files_name(job), read_owned(tree, job)
    names = sorted({*own, *files})
    _refuse_foreign(tree, job, files, own, overwrite)
    write_group(tree, [(state, to_json({"files": names}))], (state,))
    write_group(tree, list(files.items()), None if overwrite else own)


def _refuse_foreign(
    tree: OutputTree, job: ExportJob, names: Iterable[str], own: Collection[str], overwrite: bool
) -> None:
    may_replace = None if overwrite else own
    foreign = next((name for name in names if _is_foreign(tree, name, may_replace)), None)
    if foreign is not None:
        raise foreign_file(str(job.output / foreign))


def foreign_file(shown: str) -> ConflictError:
    """The error about a file of the whole data set that no export wrote."""
    return ConflictError(
        f"{displayable(shown)} is there already and no export wrote it; choose another folder "
        "with -o, or --overwrite to replace it"
    )


def _is_foreign(tree: OutputTree, name: str, may_replace: Collection[str] | None) -> bool:
    try:
        refuse_foreign(tree, name, may_replace)
    except ConflictError:
        return True
    return False


def files_name(job: ExportJob) -> str:
    """Name of what says which files of the whole data set exports wrote."""
    return state_name(f"{job.name}.files.json")


def read_owned(tree: OutputTree, job: ExportJob) -> list[str]:
    """Names of files of the whole data set that exports wrote."""
    try:
        known = list_of(parse_object(tree.read(files_name(job))), "files", most=MOST_FILES)
    except (ImageError, ValueError):
        return []
    return [name for name in known if isinstance(name, str)]
