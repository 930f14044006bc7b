"""Makes the page of ``m2fp report``: previews of the photos, and one HTML file of them."""

from __future__ import annotations

import contextlib
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.batch.history import History, read_history
from m2fp_cli.batch.opening import open_output
from m2fp_cli.batch.progress import Progress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.report import PhotoSeconds
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.errors import NoImagesError, OutputError, UsageError
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.jobs.page_place import FilePlace, ObjectPlace, PagePlace, page_address
from m2fp_cli.jobs.preview import PreviewJob
from m2fp_cli.jobs.stored_report import StoredReport
from m2fp_cli.layout import DEFAULT_OUTPUT, REPORT_PAGE
from m2fp_cli.render.previews import read_preview
from m2fp_cli.render.report import PageBuilder, ParseFacts, StageTime
from m2fp_cli.storage.inputs import open_earlier
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.remote.address import StoreAddress, names_store
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable

# Longer side of a preview for up to so many photos: a page stays below some 100 MB.
_SIDES = ((100, 1280), (300, 960), (1500, 640))
_SMALLEST_SIDE = 480


@dataclass(frozen=True)
class PageSettings:
    """What the page shows, and where it goes.

    Attributes:
        limit: most photos in the page; failures are all in it.
        output: the page, or its address; None: ``report.html`` in the results.
        photos: where the photos are now, if they were moved.
        preview: longer side of a photo in the page, in pixels; None chooses by their number.
    """

    limit: int
    output: Path | None = None
    photos: Path | None = None
    preview: int | None = None


class MadeReport(NamedTuple):
    """What came of a page.

    Attributes:
        page: its path or address; None if a signal ended the run before it was written.
        previews: how making the previews went.
    """

    page: str | None
    previews: RunReport


def make_report(
    results: Path, settings: PageSettings, *, workers: int | None, progress: Progress
) -> MadeReport:
    """Make the page of a parse's output.

    Args:
        results: output of a parse, a folder or an address.
        settings: what the page shows, and where it goes.
        workers: processes that make previews; None chooses by the machine.
        progress: shows how it goes.

    Raises:
        NoImagesError: there are neither results nor failures.
        NoInputError: the results, or the folder of the photos, are not there.
        OutputError: nothing can be written.
        UsageError: ``settings.output`` is a folder.
        M2fpError: an object store fails.
    """
    remote = Remote()
    run_options = RunOptions(workers=workers, remote=remote)
    address = page_address(settings.output)
    stored = None
    if names_store(results):
        stored = StoredReport(remote, results, keep=settings.output is None)
        results = stored.folder
    results = results.absolute()
    path = (settings.output or results / REPORT_PAGE).absolute()
    if address is None and _is_folder(path):
        raise UsageError(f"{displayable(path)} is a folder; give --output the name of a file")
    with open_earlier(results) as tree:
        history = read_history(tree)
    scan, left_out = _find_shown(results, settings, history, stored.look if stored else None)
    for note in scan.notes:
        progress.say(note)
    place = stored.place if stored and stored.keeps else _place_of(path, address, remote)
    place.check()
    side = settings.preview or _side_of(len(scan.tasks))
    with _place_for_previews(results, path, stored) as folder, OutputTree(folder) as tree:
        run = run_batch(scan, PreviewJob(folder, results, side), run_options, progress)
        if run.ended_by:
            progress.warn("interrupted before the page was written; run the same command again")
            return MadeReport(None, run)
        if stored:
            stored.fetch_previews(task.key for task in scan.tasks)
        title = stored.title if stored else _title_of(results)
        page = _build_page(title, tree, scan, history, run, left_out)
    shown = place.write(page.encode("utf-8"))
    lacks = f", {counted(len(run.failures), 'photo')} not shown" if run.failures else ""
    progress.say(f"{displayable(shown)}: {len(page) / 1e6:.1f} MB{lacks}, open it in a browser")
    return MadeReport(shown, run)


def _place_of(path: Path, address: StoreAddress | None, remote: Remote) -> PagePlace:
    """The place that a page has of its own, not with the results of a store."""
    if address is None:
        return FilePlace(path)
    return ObjectPlace(remote.open_bucket(address), address)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # its name may be too long; the check of its place says so
        return False


def _side_of(count: int) -> int:
    """Longer side of a preview in a page of so many photos, in pixels."""
    return next((side for most, side in _SIDES if count <= most), _SMALLEST_SIDE)


def _title_of(results: Path) -> str:
    return results.parent.name if results.name == DEFAULT_OUTPUT.name else results.name


@contextlib.contextmanager
def _place_for_previews(
    results: Path, page: Path, stored: StoredReport | None = None
) -> Iterator[Path]:
    """The results, where previews are kept for the next page.

    A temporary folder where the results cannot be written, or are in a store that is only read, if
    the page goes elsewhere.
    """
    if stored is not None and not stored.keeps:
        with tempfile.TemporaryDirectory(prefix="m2fp-report-") as text:
            yield Path(text)
        return
    try:
        open_output(results).close()
    except OutputError:
        if page.is_relative_to(results):
            raise
    else:
        yield results
        return
    with tempfile.TemporaryDirectory(prefix="m2fp-report-") as text:
        yield Path(text)


def _find_shown(
    results: Path, settings: PageSettings, history: History, look: Look | None
) -> tuple[Scan, int]:
    """The photos in the page, and how many more there are."""
    try:
        scan = find_parsed(results, photos=settings.photos, look=look)
    except NoImagesError:
        if next(history.entries.each(failed_only=True), None) is None:
            raise
        return Scan(()), 0  # all failed: the page says why
    shown = replace(scan, tasks=scan.tasks[: settings.limit])
    return shown, max(0, len(scan.tasks) - settings.limit)


def _build_page(
    title: str, tree: OutputTree, scan: Scan, history: History, run: RunReport, left_out: int
) -> str:
    builder = PageBuilder(title)
    broken = {photo.key: photo for photo in run.failures if photo.key}
    for task in scan.tasks:
        if task.key in broken:
            failure = broken[task.key]
            builder.add_failure(task.key, failure.reason, failure.message)
        else:
            entry = history.entries.get(task.key)
            failed = entry is not None and not entry.report.status.is_good
            why = (entry.report.reason, entry.report.message) if entry and failed else ("", "")
            seconds = entry.report.seconds.total if entry and not failed else None
            builder.add_photo(task.key, read_preview(tree, task.key), seconds, why)
    for folder in (failure for failure in run.failures if not failure.key):
        builder.add_failure(folder.source, folder.reason, folder.message)
    shown = {task.key for task in scan.tasks}
    for entry in history.entries.each(failed_only=True):
        if entry.report.key not in shown:
            builder.add_failure(entry.report.source, entry.report.reason, entry.report.message)
    return builder.render(parse_facts(history), left_out=left_out)


def parse_facts(history: History) -> ParseFacts:
    """What the manifests of a parse say of its latest run, and of all its photos."""
    sums = dict.fromkeys(PhotoSeconds._fields, 0.0)
    signatures = Counter[str]()
    for entry in history.entries.each():
        if entry.report.status.is_good:
            signatures[entry.signature] += 1
            for name in sums:
                sums[name] += getattr(entry.report.seconds, name)
    photos = signatures.total()
    stages = tuple(StageTime(name, sums[name] / photos) for name in sums if photos)
    runs = [history.runs[run] for run in history.latest.values() if run in history.runs]
    run = max(runs, key=lambda run: run.started, default=None)
    if run is None:
        return ParseFacts(stages=stages)
    model = _name_models(history, signatures) or run.settings.get("model", "")
    return ParseFacts(model, run.settings.get("engine", ""), run.started, stages)


def _name_models(history: History, signatures: Counter[str]) -> str:
    """The models of the photos; with their numbers of photos where they are several.

    Args:
        history: what the manifests say.
        signatures: number of photos with each.
    """
    models = Counter[str]()
    for signature, photos in signatures.items():
        models[history.settings_of(signature).get("model", "")] += photos
    if len(models) == 1:
        return next(iter(models))
    del models[""]  # not known any more
    return ", ".join(f"{name} ({counted(n, 'photo')})" for name, n in models.most_common())
