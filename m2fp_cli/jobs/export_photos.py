"""Which photos a data set holds: a run's, which are in its lists, and those of earlier runs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from m2fp_cli.batch.history import History
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, OutputError, UsageError
from m2fp_cli.exports.format import Item
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jsonio import list_of, object_of, parse_object, text_of, whole_of
from m2fp_cli.layout import export_record_name
from m2fp_cli.records.stored_people import MAX_PEOPLE
from m2fp_cli.storage.tree import OutputTree


def read_listed(
    tree: OutputTree, job: ExportJob, tasks: Sequence[ImageTask], history: History
) -> dict[str, Item]:
    """The photos of a run that are done, by their keys, in the order of the tasks.

    One whose files still lie in another part of the data set, since this run or shard has not come
    to it, is in the lists of that part.

    Raises:
        OutputError: a record was damaged.
    """
    listed: dict[str, Item] = {}
    own, find = _lists_of(job, job.signature()), _finder_of_lists(job, history)
    for task in tasks:
        entry = history.entries.get(task.key)
        if entry is None or not entry.report.status.is_good or find(entry.signature) != own:
            continue
        name = export_record_name(job.format_name, task.key)
        try:
            listed[task.key] = _read_item(tree, name)
        except (ImageError, ValueError) as error:
            raise OutputError(
                f"{job.output / name} {error}; export again with --rerun all"
            ) from error
    return listed


def _read_item(tree: OutputTree, name: str) -> Item:
    """A photo by its record.

    Raises:
        ImageError: the record cannot be read.
        ValueError: it is damaged.
    """
    document = parse_object(tree.read(name))
    source, record = text_of(document, "source"), object_of(document, "record")
    lacking = object_of({"without_joints": {}, **document}, "without_joints")
    counts = {reason: whole_of(lacking, reason, 0, MAX_PEOPLE) for reason in lacking}
    lost = list_of({"without_place": [], **document}, "without_place", most=255)
    places = tuple(str(label) for label in lost)
    return Item(text_of(document, "name"), source, record, counts, places)


def done_photos(history: History) -> Iterator[tuple[str, str]]:
    """All photos of a data set, also those that a run is not about: keys and signatures."""
    for entry in history.entries.each():
        if entry.report.status.is_good:
            yield entry.report.key, entry.signature


def failed_photos(history: History) -> Iterator[tuple[str, str]]:
    """Photos that could not be made again and whose earlier files are there: keys and reasons."""
    for entry in history.entries.each():
        if entry.report.files and not entry.report.status.is_good:
            yield entry.report.key, entry.report.reason


def read_earlier(
    tree: OutputTree, job: ExportJob, earlier: Sequence[tuple[str, str]]
) -> list[tuple[Item, str]]:
    """Photos of earlier runs by their records, each with what comes with its key.

    Those whose record is damaged are left out. Of their records only people and names of labels
    are kept: they may be many, and outlines large.
    """
    kept, found = ("people", job.format.names_labels), []
    for key, said in earlier:
        with contextlib.suppress(ImageError, ValueError):
            item = _read_item(tree, export_record_name(job.format_name, key))
            record = {name: item.record[name] for name in kept if name in item.record}
            found.append((replace(item, record=record), said))
    return found


def count_of_other_labels(
    job: ExportJob, items: Sequence[Item], others: Sequence[tuple[Item, str]]
) -> int:
    """How many photos of earlier runs do not have the labels that the one file names."""
    key = job.format.names_labels
    if not key or not items:
        return 0
    return sum(item.record.get(key) != items[0].record[key] for item, _ in others)


def count_unlisted(job: ExportJob, earlier: Sequence[tuple[str, str]], history: History) -> int:
    """How many photos of earlier runs were in the lists that this run has made anew."""
    if job.format.names_splits:
        return 0  # its files tell of folders, not of photos
    own, find = _lists_of(job, job.signature()), _finder_of_lists(job, history)
    return sum(bool(own) and find(signature) == own for _, signature in earlier)


def _finder_of_lists(job: ExportJob, history: History) -> Callable[[str], set[str]]:
    """What names the files that list the photos of a signature; a run has few of these."""

    @functools.cache
    def find(signature: str) -> set[str]:
        return _lists_of(job, history.settings_of(signature))

    return find


def _lists_of(job: ExportJob, settings: Mapping[str, str]) -> set[str]:
    """Names of the files that list photos of some settings; the job's own if they are unknown."""
    mask, split = job.settings.mask, settings.get("split", job.settings.split)
    with contextlib.suppress(UsageError):
        mask = replace(mask, category=settings.get("category", mask.category))
    return set(job.format.finish((), replace(job.settings, split=split, mask=mask)))
