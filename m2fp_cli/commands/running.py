"""The end of every command that works on photos: run the job, say how it went, exit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.progress import Progress, choose_progress
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.commands.number_formats import check_precision
from m2fp_cli.commands.option_groups import BatchOptions
from m2fp_cli.errors import M2fpError
from m2fp_cli.jobs.inputs import PhotoInputs, PhotoSource, find_photos
from m2fp_cli.jobs.model_files import find_model
from m2fp_cli.jobs.parse import ParseJob, ParseSettings
from m2fp_cli.kernels.code_cache import NO_CODE_CACHE, choose_code_cache
from m2fp_cli.layout import PAGE_MARK, REPORT_PAGE
from m2fp_cli.models.progress import show_download
from m2fp_cli.storage.beforehand import check_file
from m2fp_cli.storage.remote.address import names_store
from m2fp_cli.terminal import displayable, say_pieces


def run_and_exit(
    scan: Scan,
    job: Job,
    run_options: RunOptions,
    batch: BatchOptions,
    *,
    where: str,
    parsing: RunReport | None = None,
    page_of: Path | None = None,
    photos: Path | None = None,
    finish: Callable[[], object] | None = None,
) -> NoReturn:
    """Run a job and end the command with the run's exit code.

    Args:
        scan: the photos.
        job: what to do with them.
        run_options: how.
        batch: what is printed.
        where: ends the summary: what was written, and into which folder.
        parsing: an earlier part of the command; its failures count as this run's.
        page_of: results to make the report's page of, unless the run was interrupted.
        photos: where the photos of the page are, if they were moved.
        finish: what is done when all photos are, unless the run ended early; if it fails, the
            summary comes first.

    Raises:
        typer.Exit: always, but for the errors of ``run_batch``.
    """
    if page_of is not None and not names_store(page_of):
        check_file(page_of / REPORT_PAGE, PAGE_MARK)
    progress = choose_progress(quiet=batch.quiet, verbose=batch.verbose)
    for note in (*scan.notes, *([] if choose_code_cache() else [NO_CODE_CACHE])):
        progress.say(note)
    report = run_batch(scan, job, run_options, progress)
    trouble = None
    if finish is not None and not report.ended_by and not report.stopped:
        try:
            finish()
        except M2fpError as error:
            trouble, report.unfinished = error, error.exit_code
    if parsing is not None:
        for failure in parsing.failures:
            report.add(failure)
        report.total += len(parsing.failures)
    has_more = finish is not None or (page_of is not None and bool(report.ended_by))
    say_how_it_went(report, progress, where, has_more=has_more)
    if page_of is not None and trouble is None and not report.ended_by:
        trouble = _make_page(report, page_of, photos, run_options, batch)
    if batch.as_json:
        say_pieces(report.json_text())
    if trouble is not None:
        raise trouble
    raise typer.Exit(report.exit_code)


def _make_page(
    report: RunReport,
    results: Path,
    photos: Path | None,
    run_options: RunOptions,
    batch: BatchOptions,
) -> M2fpError | None:
    """Make the report's page; what it cannot show counts in the run's exit code.

    Returns:
        why there is no page; None if there is one.
    """
    from m2fp_cli.commands.report import DEFAULT_LIMIT
    from m2fp_cli.jobs.report_page import PageSettings, make_report

    settings = PageSettings(DEFAULT_LIMIT, photos=photos)
    progress = choose_progress(quiet=batch.quiet, verbose=batch.verbose)
    try:
        made = make_report(results, settings, workers=run_options.workers, progress=progress)
    except M2fpError as error:
        report.unfinished = error.exit_code
        return error
    report.unfinished = made.previews.exit_code
    return None


def say_how_it_went(report: RunReport, progress: Progress, where: str, *, has_more: bool) -> None:
    """Show the summary; why a run ended early is said even if quiet.

    Args:
        report: the run.
        progress: shows it.
        where: what was written, and into which folder.
        has_more: if the run ended early, the command leaves out what comes after its photos.
    """
    progress.say(f"{report.summary()}; {where}")
    left = report.total - len(report.photos)
    if report.ended_by and left:
        progress.warn(f"interrupted, {left} left; run the same command again to go on")
    elif report.ended_by and has_more:
        progress.warn("interrupted after the last photo; run the same command again to finish")
    elif report.ended_by:
        progress.warn("interrupted after the last photo; no photo is left")
    elif report.stopped and has_more and not left:
        progress.warn(
            f"{report.stopped} at the last photo; what comes after the photos is left out"
        )
    elif report.stopped:
        progress.warn(f"{report.stopped}; {left or 'no photo is'} left")


def find_parse_job(
    output: Path, model: str | None, settings: ParseSettings, *, quiet: bool
) -> ParseJob:
    """Find the model, showing its download if need be, and settle the job.

    Args:
        output: root of the output.
        model: name, ModelScope id or folder; None for ``M2FP_MODEL`` or ``m2fp``.
        settings: how to parse.
        quiet: show no download.

    Raises:
        ModelError: the model is missing or incomplete, or not calibrated for int8.
        UsageError: the name means nothing.
    """
    with show_download(quiet=quiet) as download:
        found = find_model(model, download)
    check_precision(found, settings.precision)
    return ParseJob(output.absolute(), found, settings)


def find_source(
    asked: PhotoInputs,
    model: str | None,
    run_options: RunOptions,
    batch: BatchOptions,
    *,
    before_parse: Callable[[Path], object] = lambda _: None,
) -> PhotoSource:
    """The photos that a command means; those that are not parsed yet are parsed.

    Args:
        asked: what the user named.
        model: parses them.
        run_options: how.
        batch: what is printed.
        before_parse: looks at the output before it takes the time to parse.

    Raises:
        UsageError: the inputs are of different kinds.
        NoImagesError: there is nothing to work on.
        OutputError: nothing can be written.
        ModelError: photos must be parsed and the model is not there.
        typer.Exit: the parse ended early; a part of the photos would pass for all of them.
    """

    def run(scan: Scan, job: Job) -> RunReport:
        progress = choose_progress(quiet=batch.quiet, verbose=batch.verbose)
        report = run_batch(scan, job, run_options, progress)
        if report.ended_by or report.stopped:
            where = f"results in {displayable(job.output)}"
            say_how_it_went(report, progress, where, has_more=True)
            raise typer.Exit(report.exit_code)
        return report

    def parse_into(output: Path) -> ParseJob:
        before_parse(output)
        return find_parse_job(output, model, ParseSettings(), quiet=batch.quiet)

    return find_photos(replace(asked, remote=run_options.remote), parse_into, run)
