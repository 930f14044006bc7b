"""The end of every command that works on photos: run the job, say how it went, exit."""

from __future__ import annotations

import json
from typing import NoReturn

import typer

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.progress import Progress, choose_progress
from m2fp_cli.batch.report import RunReport
from m2fp_cli.batch.run import RunOptions, run_batch
from m2fp_cli.batch.scan import Scan
from m2fp_cli.imaging.names import displayable


def run_and_exit(
    scan: Scan,
    job: Job,
    options: RunOptions,
    *,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    with_page: bool = False,
) -> NoReturn:
    """Run a job and end the command with the run's exit code.

    Args:
        scan: the photos.
        job: what to do with them.
        options: how.
        quiet: show failures only.
        verbose: show every photo.
        as_json: print the summary on stdout.
        with_page: make the report's page of the output afterwards, unless the run was interrupted.

    Raises:
        typer.Exit: always, but for the errors of ``run_batch``.
    """
    progress = choose_progress(quiet=quiet, verbose=verbose)
    for note in scan.notes:
        progress.say(note)
    report = run_batch(scan, job, options, progress)
    say_how_it_went(report, progress, f"results in {displayable(job.output)}")
    if as_json:
        print(json.dumps(report.as_json()))
    if with_page and not report.ended_by:
        from m2fp_cli.commands.report import make_report

        page_options = RunOptions(workers=options.workers)
        make_report(job.output, page_options, quiet=quiet, verbose=verbose)
    raise typer.Exit(report.exit_code)


def say_how_it_went(report: RunReport, progress: Progress, where: str) -> None:
    """Show the summary; why a run ended early is said even if quiet."""
    progress.say(f"{report.summary()}; {where}")
    left = report.total - len(report.photos)
    if report.ended_by:
        progress.warn(f"interrupted, {left} left; run the same command again to go on")
    elif report.stopped:
        progress.warn(f"{report.stopped}; {left} left")
