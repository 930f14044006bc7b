"""``m2fp eval``: how good a model is on labelled photos."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2fp_cli import options
from m2fp_cli.commands.parse import EngineName, Precision
from m2fp_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from m2fp_cli.evaluation.dataset import LabelledPhoto
    from m2fp_cli.evaluation.sources import Source

DatasetFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="Folder with photos/ID.jpg, labels/ID.png (255 = unknown), and for the figures of "
        "people people/ID.png; or with CIHP's Images, Category_ids, Human_ids.",
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
            help="Judge what `m2fp parse DATASET/photos -o DIR` left, instead of parsing now.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(help="fast, or ModelScope's own code (extra: reference, CPython 3.10)."),
    ] = EngineName.FAST,
    precision: Annotated[
        Precision,
        typer.Option(help="Number format: fp32, bf16 (faster on AMX and AVX512-BF16), or auto."),
    ] = Precision.FP32,
    flip: Annotated[
        bool, typer.Option("--flip", help="Parse the mirrored photo too and average.")
    ] = False,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Lowest score of a person or part instance.")
    ] = 0.1,
    names: Annotated[
        Path | None,
        typer.Option(
            "--ids", metavar="FILE", help="Take the IDs in this file only.", show_default=False
        ),
    ] = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Take every n-th photo.")] = 1,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take the first N of them.", show_default=False),
    ] = None,
    threads: options.Threads = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Measure a model on labelled photos: IoU of labels, AP of regions and of people.

    Labels of model and data set are compared by id. For a large data set, parse it first (parsing
    resumes and uses all cores) and judge the results with --results.
    """
    from m2fp_cli.batch.progress import choose_progress
    from m2fp_cli.evaluation.dataset import check_label_ids, choose_photos, find_labelled
    from m2fp_cli.evaluation.judge import Judge
    from m2fp_cli.evaluation.report import as_document, print_tables
    from m2fp_cli.evaluation.run import judge_photos

    if results is not None:
        _check_alone(context, ("model", "engine", "precision", "flip", "min_score", "threads"))
    cores = options.make_run_options(threads=threads).threads
    photos = choose_photos(find_labelled(dataset), names=names, every=every, limit=limit)
    if results is None:
        settings = ParseSettings(engine.value, precision.value, flip, min_score)
        source = _load_model(model, settings, cores, quiet=quiet)
    else:
        source = _find_results(results, photos)
    check_label_ids(photos, source.labels)
    judge = Judge(source.labels)
    progress = choose_progress(quiet=quiet, verbose=verbose)
    course = judge_photos(photos, source, judge, progress)
    document = as_document(judge.figures(), course, str(dataset), source.description)
    if as_json:
        print(json.dumps(document))
    elif document["photos"]:
        print_tables(document, width=None if sys.stdout.isatty() else 80)
    progress.say(_summary(document))
    raise typer.Exit(ExitCode.SOME_FAILED if course.failures else ExitCode.OK)


@dataclass(frozen=True)
class ParseSettings:
    """How the photos are parsed, as the options of ``m2fp parse`` say it."""

    engine: str
    precision: str
    flip: bool
    min_score: float


def _check_alone(context: typer.Context, names: tuple[str, ...]) -> None:
    """Refuse options that have no meaning for results.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--results are parsed already; leave --{name.replace('_', '-')} out")


def _load_model(
    model: str | None, settings: ParseSettings, threads: int | None, *, quiet: bool
) -> Source:
    from m2fp_cli.batch.work import make_parse_job
    from m2fp_cli.evaluation.sources import ModelSource
    from m2fp_cli.models.progress import show_download
    from m2fp_cli.models.registry import default_name

    if settings.flip and settings.engine == EngineName.REFERENCE.value:
        raise UsageError("--flip works with --engine fast only; leave one of them out")
    with show_download(quiet=quiet) as download:
        job = make_parse_job(
            Path(),
            model or default_name(),
            engine=settings.engine,
            precision=settings.precision,
            flip=settings.flip,
            min_score=settings.min_score,
            progress=download,
        )
    return ModelSource(job, threads)


def _find_results(folder: Path, photos: list[LabelledPhoto]) -> Source:
    from m2fp_cli.evaluation.sources import ResultSource

    return ResultSource(folder, photos)


def _summary(document: dict[str, Any]) -> str:
    parts = [f"{document['photos']} photos judged"]
    if document["failed"]:
        parts.append(f"{len(document['failed'])} failed")
    if people := document.get("people"):
        parts.append(f"{people['people']} people in {people['photos']} of them")
    if document["seconds_a_photo"] is not None:
        parts.append(f"{document['seconds_a_photo']:.2f} s a photo")
    return ", ".join(parts)
