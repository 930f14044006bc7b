"""``m2fp eval``: how good a model is on labelled photos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import INPUT
from m2fp_cli.errors import ExitCode, UsageError
from m2fp_cli.terminal import counted, say

EXAMPLES = """\
m2fp eval dataset --model starter
m2fp eval dataset --results results --json"""

DatasetFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="Folder with photos/ID.jpg, labels/ID.png (255 = unknown) and, to judge people, "
        "people/ID.png; or as CIHP, CVAT (Segmentation mask 1.1) or LabelMe have it.",
        readable=False,
    ),
]


def evaluate(
    context: typer.Context,
    dataset: DatasetFolder,
    model: options.Model = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Judge the results of `m2fp parse DATASET/photos -o DIR` instead of parsing now.",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
    engine: options.Engine = options.EngineName.FAST,
    precision: options.Precision = options.PrecisionName.FP32,
    flip: options.Flip = False,
    tiles: options.Tiles = "off",
    min_score: options.MinScore = 0.1,
    names: Annotated[
        Path | None,
        typer.Option(
            "--ids",
            metavar="FILE",
            help="Judge only the photos whose ids this file lists, one on each line.",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Judge every N-th photo only.", rich_help_panel=INPUT
        ),
    ] = 1,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Judge the first N photos only; those that cannot be judged are among them.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    threads: options.Threads = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: options.JsonAnswer = False,
) -> None:
    """Measure how good a model is on labelled photos.

    Prints mean IoU, pixel accuracy and the IoU of each label; where the people are labelled too,
    the average precision of parts and of people (AP^r, AP^p, AP^h) and PCP. Labels of model and
    data set are compared by id. For a large data set, parse it first (a parse resumes and uses all
    cores) and judge the results with --results.
    """
    from m2fp_cli.batch.progress import choose_progress
    from m2fp_cli.batch.resources import check_threads, usable_cores
    from m2fp_cli.commands.running import find_parse_job
    from m2fp_cli.evaluation.dataset import (
        check_label_ids,
        choose_photos,
        find_labelled,
        find_other_order,
    )
    from m2fp_cli.evaluation.judge import Judge
    from m2fp_cli.evaluation.report import as_document, print_tables
    from m2fp_cli.evaluation.run import judge_photos
    from m2fp_cli.evaluation.sources import ModelSource, ResultSource, Source
    from m2fp_cli.jobs.parse import ParseSettings

    if results is not None:
        _check_alone(
            context, ("model", "engine", "precision", "flip", "tiles", "min_score", "threads")
        )
    cores = option_groups.read_count("--threads", threads)
    if cores is not None:
        check_threads(usable_cores(), cores)
    photos = choose_photos(find_labelled(dataset), names=names, every=every, limit=limit)
    if results is None:
        settings = ParseSettings(engine.value, precision.value, flip, min_score, tiles=tiles)
        job = find_parse_job(Path(), model, settings, quiet=quiet)
        source: Source = ModelSource(job, cores)
    else:
        source = ResultSource(results, photos)
    check_label_ids(photos, source.labels)
    judge = Judge(source.labels)
    progress = choose_progress(quiet=quiet, verbose=verbose)
    if doubt := find_other_order(photos, source.labels):
        progress.say(doubt)
    run_record = judge_photos(photos, source, judge, progress)
    document = as_document(judge.figures(), run_record, str(dataset), source.description)
    if as_json:
        say(json.dumps(document))
    elif document["photos"]:
        print_tables(document, width=None if sys.stdout.isatty() else 80)
    progress.say(_summary(document))
    raise typer.Exit(ExitCode.SOME_FAILED if run_record.failures else ExitCode.OK)


def _check_alone(context: typer.Context, names: tuple[str, ...]) -> None:
    """Refuse options that have no meaning for results.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--results are parsed already; leave out --{name.replace('_', '-')}")


def _summary(document: dict[str, Any]) -> str:
    parts = [f"{counted(document['photos'], 'photo')} judged"]
    if document["failed"]:
        parts.append(f"{len(document['failed'])} failed")
    if people := document.get("people"):
        count = counted(people["people"], "person", "people")
        parts.append(f"{count} in {people['photos']} of them")
    if document["seconds_a_photo"] is not None:
        parts.append(f"{document['seconds_a_photo']:.2f} s a photo")
    return ", ".join(parts)
