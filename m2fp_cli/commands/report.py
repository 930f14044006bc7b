"""``m2fp report``: one HTML file to look at what a run did."""

from __future__ import annotations

import contextlib
import json
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, INPUT
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.layout import DEFAULT_OUTPUT, PAGE_MARK, REPORT_PAGE
from m2fp_cli.terminal import counted, displayable, say

if TYPE_CHECKING:
    from m2fp_cli.batch.history import History
    from m2fp_cli.batch.remote.remote import Remote
    from m2fp_cli.batch.report import RunReport
    from m2fp_cli.batch.run_options import RunOptions
    from m2fp_cli.batch.tasks import Scan
    from m2fp_cli.jobs.stored_report import StoredReport
    from m2fp_cli.render.report import ParseFacts
    from m2fp_cli.storage.look import Look
    from m2fp_cli.storage.remote.address import StoreAddress
    from m2fp_cli.storage.tree import OutputTree

EXAMPLES = """\
m2fp report
m2fp report results --limit 200 -o page.html"""

DEFAULT_LIMIT = 2000
# Longer side of a preview for up to so many photos: a page stays below some 100 MB.
_SIDES = ((100, 1280), (300, 960), (1500, 640))
_SMALLEST_SIDE = 480


def report(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Output of a parse: a folder, or s3://, gs:// or az://. [default: "
            f"./{DEFAULT_OUTPUT}]",
            show_default=False,
            readable=False,
        ),
    ] = DEFAULT_OUTPUT,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File of the page, or s3://, gs:// or az://. [default: DIR/report.html]",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
    photos: options.MovedPhotos = None,
    preview: Annotated[
        int | None,
        typer.Option(
            min=64,
            max=4096,
            metavar="PX",
            help="Longer side of a photo in the page, in pixels. [default: 1280, less for many "
            "photos]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Most photos to show, the first by name; what failed to parse is all shown.",
            rich_help_panel=CONTENT,
        ),
    ] = DEFAULT_LIMIT,
    workers: options.Workers = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Make an HTML page to look through the results of a parse.

    It shows photos, overlays, scores, failures and times. The page is one file that holds
    everything it shows, opens from the disk and needs no network.
    """
    from m2fp_cli.batch.remote.remote import Remote
    from m2fp_cli.batch.run_options import RunOptions

    count = option_groups.read_count("--workers", workers)
    run_options = RunOptions(workers=count, remote=Remote())
    path, run = make_report(
        results,
        run_options,
        output=output,
        photos=photos,
        preview=preview,
        limit=limit,
        quiet=quiet,
        verbose=verbose,
    )
    if as_json:
        say(json.dumps({"report": path, "previews": run.as_json()}))
    raise typer.Exit(run.exit_code)


def make_report(
    results: Path,
    run_options: RunOptions,
    *,
    output: Path | None = None,
    photos: Path | None = None,
    preview: int | None = None,
    limit: int = DEFAULT_LIMIT,
    quiet: bool = False,
    verbose: bool = False,
) -> tuple[str, RunReport]:
    """Make the page of a parse's output.

    Args:
        results: output of a parse.
        run_options: how the previews are made.
        output: the page, or its address; ``report.html`` in ``results`` without it.
        photos: where the photos are now, if they were moved.
        preview: longer side of a photo in the page, in pixels; None chooses by their number.
        limit: most photos in the page; failures are all in it.
        quiet: show failures only.
        verbose: show every photo.

    Returns:
        path or address of the page, and how making the previews went.

    Raises:
        NoImagesError: there are neither results nor failures.
        NoInputError: the results, or the folder of the photos, are not there.
        OutputError: nothing can be written.
        UsageError: ``output`` is a folder.
    """
    from m2fp_cli.batch.history import read_history
    from m2fp_cli.batch.progress import choose_progress
    from m2fp_cli.batch.run import run_batch
    from m2fp_cli.jobs.preview import PreviewJob
    from m2fp_cli.jobs.stored_report import StoredReport, page_address, put_page
    from m2fp_cli.storage.inputs import open_earlier
    from m2fp_cli.storage.remote.address import names_store
    from m2fp_cli.storage.tree import OutputTree
    from m2fp_cli.storage.writing import write_file

    stored, address = None, page_address(output)
    if names_store(results) and run_options.remote is not None:
        stored = StoredReport(run_options.remote, results, keep=output is None)
        results = stored.folder
    results = results.absolute()
    path = (output or results / REPORT_PAGE).absolute()
    if address is None and _is_folder(path):
        raise UsageError(f"{displayable(path)} is a folder; give --output the name of a file")
    with open_earlier(results) as tree:
        history = read_history(tree)
    look = stored.look if stored else None
    scan, left_out = _find_shown(results, photos, history, limit, look)
    count = len(scan.tasks)
    side = preview or next((side for most, side in _SIDES if count <= most), _SMALLEST_SIDE)
    progress = choose_progress(quiet=quiet, verbose=verbose)
    for note in scan.notes:
        progress.say(note)
    _check_page(path, address, stored, run_options.remote)
    with _place_for_previews(results, path, stored) as place, OutputTree(place) as tree:
        run = run_batch(scan, PreviewJob(place, results, side), run_options, progress)
        if run.ended_by:
            raise typer.Exit(run.exit_code)
        if stored:
            stored.fetch_previews(task.key for task in scan.tasks)
        title = stored.title if stored else _title_of(results)
        page = _build_page(title, tree, scan, history, run, left_out)
    shown = str(path)
    if stored and output is None:
        shown = stored.put_page(page.encode("utf-8"), mark=PAGE_MARK)
    elif address is not None and run_options.remote is not None:
        bucket = run_options.remote.open_bucket(address)
        shown = put_page(bucket, address, page.encode("utf-8"), PAGE_MARK)
    else:
        write_file(path, page.encode("utf-8"), mark=PAGE_MARK)
    lacks = f", {counted(len(run.failures), 'photo')} not shown" if run.failures else ""
    progress.say(f"{displayable(shown)}: {len(page) / 1e6:.1f} MB{lacks}, open it in a browser")
    return shown, run


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # its name may be too long; _check_page says so
        return False


def _check_page(
    path: Path, address: StoreAddress | None, stored: StoredReport | None, remote: Remote | None
) -> None:
    """Find out before the previews are made whether the page can be written."""
    from m2fp_cli.jobs.stored_report import check_page
    from m2fp_cli.storage.beforehand import check_file

    if stored is not None and stored.keeps:
        stored.check_page(PAGE_MARK)
    elif address is not None and remote is not None:
        check_page(remote.open_bucket(address), address, PAGE_MARK)
    else:
        check_file(path, PAGE_MARK)


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
    from m2fp_cli.batch.opening import open_output

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
    results: Path, photos: Path | None, history: History, limit: int, look: Look | None
) -> tuple[Scan, int]:
    """The photos in the page, and how many more there are."""
    from m2fp_cli.batch.tasks import Scan
    from m2fp_cli.errors import NoImagesError
    from m2fp_cli.jobs.earlier import find_parsed

    try:
        scan = find_parsed(results, photos=photos, look=look)
    except NoImagesError:
        if next(history.entries.each(failed_only=True), None) is None:
            raise
        return Scan(()), 0  # all failed: the page says why
    shown = replace(scan, tasks=scan.tasks[:limit])
    return shown, max(0, len(scan.tasks) - limit)


def _build_page(
    title: str, tree: OutputTree, scan: Scan, history: History, run: RunReport, left_out: int
) -> str:
    from m2fp_cli.render.previews import read_preview
    from m2fp_cli.render.report import PageBuilder

    builder = PageBuilder(title)
    broken = {photo.key: photo for photo in run.failures if photo.key}
    for task in scan.tasks:
        if task.key in broken:
            failure = broken[task.key]
            builder.add_failure(task.key, failure.reason, failure.message)
        else:
            entry = history.entries.get(task.key)
            seconds = entry.report.seconds.total if entry else None
            builder.add_photo(task.key, read_preview(tree, task.key), seconds)
    for folder in (failure for failure in run.failures if not failure.key):
        builder.add_failure(folder.source, folder.reason, folder.message)
    shown = {task.key for task in scan.tasks}
    for entry in history.entries.each(failed_only=True):
        if entry.report.key not in shown:
            builder.add_failure(entry.report.source, entry.report.reason, entry.report.message)
    return builder.render(parse_facts(history), left_out=left_out)


def parse_facts(history: History) -> ParseFacts:
    """What the manifests of a parse say of its latest run, and the mean times of all its photos."""
    from m2fp_cli.batch.report import PhotoSeconds
    from m2fp_cli.render.report import ParseFacts, StageTime

    sums = dict.fromkeys(PhotoSeconds._fields, 0.0)
    photos = 0
    for entry in history.entries.each():
        if entry.report.status.is_good:
            photos += 1
            for name in sums:
                sums[name] += getattr(entry.report.seconds, name)
    stages = tuple(StageTime(name, sums[name] / photos) for name in sums if photos)
    run = history.runs.get(next(reversed(history.latest.values()), ""))
    if run is None:
        return ParseFacts(stages=stages)
    settings = run.settings
    return ParseFacts(settings.get("model", ""), settings.get("engine", ""), run.started, stages)
