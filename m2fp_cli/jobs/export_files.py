"""Files of a whole data set: the manifest, lists and whatever else its format ends with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from m2fp_cli.agnostic.categories import CATEGORIES
from m2fp_cli.batch.entries import Entries
from m2fp_cli.batch.history import History, read_history, signature_digest
from m2fp_cli.batch.lock import hold_part
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.exports.format import Item
from m2fp_cli.jobs.common_files import read_owned, require_own, write_common
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jobs.export_photos import (
    count_of_other_labels,
    count_unlisted,
    done_photos,
    failed_photos,
    read_earlier,
    read_listed,
)
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable
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
            own = read_owned(tree, job.format_name)
            require_own(tree, common_names(job), own, overwrite=overwrite)


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
        overwrite: replace files that no export wrote, and those that were changed since.
        tell: takes a line about what the data set lacks, if it lacks anything that others have.
            Without any photo that is done, an earlier data set stays as it is.

    Returns:
        the manifest, which says where each file comes from.

    Raises:
        ConflictError: a file of that name is there that no export wrote, or that was changed since.
        OutputLockedError: another shard has been writing them for minutes.
        OutputError: a file cannot be written.
    """
    wanted = job.format
    # Who reads first must write first, or the lists would lack what the other has read.
    with OutputTree(job.output) as tree, hold_part(tree, job.name):
        history = read_history(tree, job.name)
        listed = read_listed(tree, job, tasks, history)
        items = [*listed.values()]
        own = read_owned(tree, job.format_name)
        if not items and own:
            if tell is not None:
                tell("no photo could be exported; the data set stays as it was")
            return job.folder / MANIFEST
        files = wanted.finish(items, replace(job.settings, splits=_splits(job, history)))
        earlier = [one for one in done_photos(history) if one[0] not in listed]
        others = read_earlier(tree, job, earlier)
        failed = read_earlier(tree, job, [*failed_photos(history)])
        shown = [*_shown_earlier(job, others, history), *_shown_failed(failed)]
        files[MANIFEST] = _manifest(job, items, shown)
        named = {f"{wanted.name}/{name}": data for name, data in files.items()}
        outdated = [name for name, known in own.items() if known and name not in named]
        if outdated and not _is_all_there_is(job, tasks, history.entries):
            outdated = []  # a part of the data set that this run is not about
        write_common(tree, job.format_name, named, overwrite=overwrite, outdated=outdated)
    if tell is not None:
        for line in (*_about_earlier(job, items, earlier, others, history), *_lacking(job, items)):
            tell(line)
    return job.folder / MANIFEST


def _splits(job: ExportJob, history: History) -> tuple[str, ...]:
    """Parts of the data set that hold photos, where the format names them."""
    if not job.format.names_splits:
        return ()
    made = {one.signature for one in history.entries.each() if one.report.status.is_good}
    return tuple(sorted({history.settings_of(one).get("split", "") for one in made}))


def _is_all_there_is(job: ExportJob, tasks: Sequence[ImageTask], entries: Entries) -> bool:
    """Whether every photo of the data set is one of these, exported as the job says.

    Others may be another part of the data set, such as what it trains on, with lists of its own.
    """
    keys, signature = {task.key for task in tasks}, signature_digest(job.signature())
    return all(
        entry.report.key in keys and entry.signature == signature and entry.report.status.is_good
        for entry in entries.each()
        if entry.report.files
    )


def _about_earlier(
    job: ExportJob,
    items: Sequence[Item],
    earlier: Sequence[tuple[str, str]],
    others: Sequence[tuple[Item, str]],
    history: History,
) -> Iterator[str]:
    """Lines about photos of earlier runs that do not go with those of this one."""
    shown = displayable(job.folder)
    if unlisted := count_unlisted(job, earlier, history):
        yield (
            f"{counted(unlisted, 'photo')} of earlier exports in {shown}, not in "
            "its lists any more: these are of this run's photos"
        )
    if odd := count_of_other_labels(job, items, others):
        yield (
            f"{counted(odd, 'photo')} of earlier exports in {shown} with other "
            "labels than the set has now, so its numbers mean two things; export them again with "
            "the same --label-set, or choose another -o"
        )


def _shown_earlier(
    job: ExportJob, others: Sequence[tuple[Item, str]], history: History
) -> list[dict[str, Any]]:
    """What the manifest says of photos of earlier runs, with their settings if those differ."""
    shown = []
    for item, signature in others:
        settings = history.settings_of(signature)
        made = {} if settings == job.signature() else {"settings": dict(settings)}
        shown.append({"name": item.name, "source": item.source, **made, **_shown(item.record)})
    return shown


def _shown_failed(failed: Sequence[tuple[Item, str]]) -> Iterator[dict[str, Any]]:
    """What it says of photos whose files are of an earlier run: by now they fail, and why."""
    for item, reason in failed:
        yield {"name": item.name, "source": item.source, "failed": reason, **_shown(item.record)}


def _manifest(job: ExportJob, items: Sequence[Item], earlier: Sequence[dict[str, Any]]) -> bytes:
    """Which photo each name comes from, and what puts a result back; what is not here and why."""
    photos = [{"name": item.name, "source": item.source, **_shown(item.record)} for item in items]
    document: dict[str, Any] = {
        "format": job.format_name,
        "m2fp": __version__,
        "settings": dict(job.signature()),
        "not_made": dict(job.format.not_made),
        **({"without_joints": _without_joints(items)} if job.format.joints else {}),
        **({"labels_without_place": lost} if (lost := _without_place(items)) else {}),
        "photos": [*photos, *earlier],
    }
    return json.dumps(document, indent=1, ensure_ascii=True).encode("ascii") + b"\n"


def _lacking(job: ExportJob, items: Sequence[Item]) -> Iterator[str]:
    """Lines about what the data set lacks that others have."""
    if lost := _without_place(items):
        mapping = job.settings.mapping
        yield (
            f"labels that {job.format.label_set if mapping is None else mapping.name} has no place "
            f"for became background: {displayable(', '.join(lost))}; --label-set FILE.json says "
            "where they go"
        )
    if empty := sum(one.get("empty_mask") is True for item in items for one in _people(item)):
        category = job.settings.mask.category
        labels = ", ".join(CATEGORIES[category].clothes)
        yield (
            f"empty masks: {counted(empty, 'person', 'people')}, of whom nothing is seen that "
            f"--category {category} covers ({labels})"
        )
    if lacking := _without_joints(items):
        reasons = ", ".join(f"{count} {reason}" for reason, count in lacking.items())
        yield f"people without joints: {reasons}"


def _without_place(items: Sequence[Item]) -> list[str]:
    """Labels that became background though nobody has said so, each once."""
    return [*dict.fromkeys(label for item in items for label in item.without_place)]


def _people(item: Item) -> list[dict[str, Any]]:
    people = item.record.get("people")
    return [one for one in people if isinstance(one, dict)] if isinstance(people, list) else []


def _without_joints(items: Sequence[Item]) -> dict[str, int]:
    """How many of all people have no joints, by the reason, the most frequent first."""
    total: Counter[str] = Counter()
    for item in items:
        total.update(item.without_joints)
    return dict(total.most_common())


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    people = record.get("people")
    return {"people": people} if isinstance(people, list) else {}
