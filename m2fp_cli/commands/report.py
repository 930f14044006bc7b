"""``m2fp report``: one HTML file to look at what a run did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, INPUT
from m2fp_cli.layout import DEFAULT_OUTPUT
from m2fp_cli.terminal import say

EXAMPLES = """\
m2fp report
m2fp report results --limit 200 -o page.html"""

DEFAULT_LIMIT = 2000


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
    from m2fp_cli.batch.progress import choose_progress
    from m2fp_cli.jobs.report_page import PageSettings, make_report

    count = option_groups.read_count("--workers", workers)
    settings = PageSettings(limit, output, photos, preview)
    progress = choose_progress(quiet=quiet, verbose=verbose)
    page, previews = make_report(results, settings, workers=count, progress=progress)
    if as_json and page is not None:
        say(json.dumps({"report": page, "previews": previews.as_json()}))
    raise typer.Exit(previews.exit_code)
