"""``m2fp parse``: photos in, parsing results out."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from m2fp_cli import options
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.errors import UsageError


class EngineName(str, Enum):
    """Engines by the names users give them."""

    FAST = "fast"
    REFERENCE = "reference"


class Precision(str, Enum):
    """Number formats by the names users give them."""

    FP32 = "fp32"
    BF16 = "bf16"
    AUTO = "auto"


def parse(
    inputs: options.Inputs,
    output: options.Output = options.DEFAULT_OUTPUT,
    recursive: options.Recursive = False,
    model: options.Model = None,
    engine: Annotated[
        EngineName,
        typer.Option(help="fast, or ModelScope's own code (extra: reference, CPython 3.10)."),
    ] = EngineName.FAST,
    precision: Annotated[
        Precision,
        typer.Option(help="Number format: fp32, bf16 (faster on AMX and AVX512-BF16), or auto."),
    ] = Precision.FP32,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Parse the mirrored photo too and average: better, twice the time."
        ),
    ] = False,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Lowest score of a person or part instance.")
    ] = 0.1,
    save: Annotated[
        str,
        typer.Option(metavar="KINDS", help="What to write: labels,people,json,masks,cutouts."),
    ] = "labels,people,json",
    max_pixels: Annotated[
        float,
        typer.Option(min=0.001, metavar="MP", help="Refuse photos with more megapixels than this."),
    ] = 100.0,
    workers: options.Workers = "auto",
    threads: options.Threads = "auto",
    timeout: options.Timeout = None,
    rerun: options.RerunWhat = Rerun.CHANGED,
    checksum: options.Checksum = False,
    shard: options.ShardText = None,
    max_failures: options.MaxFailures = None,
    log_file: options.LogFile = None,
    page: options.Page = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Parse the people in photos: label maps, person maps, masks with label and score.

    Writes labels/, people/ and results/ below the output folder, mirroring the input's folders. Run
    it again after an interruption, or when photos were added: what is done is not done twice.
    """
    from m2fp_cli.batch.scan import find_images
    from m2fp_cli.batch.work import make_parse_job
    from m2fp_cli.commands.batch_run import run_and_exit
    from m2fp_cli.imaging.atomic import check_writable
    from m2fp_cli.models.progress import show_download
    from m2fp_cli.models.registry import default_name

    if flip and engine is EngineName.REFERENCE:
        raise UsageError("--flip works with --engine fast only; leave one of them out")
    kinds = parse_kinds(save)
    run_options = options.make_run_options(
        workers=workers,
        threads=threads,
        timeout=timeout,
        rerun=rerun,
        checksum=checksum,
        shard=shard,
        max_failures=max_failures,
        log_file=log_file,
    )
    scan = find_images(inputs, recursive=recursive, output=output)
    check_writable(output)
    with show_download(quiet=quiet) as download:
        job = make_parse_job(
            output,
            model or default_name(),
            engine=engine.value,
            precision=precision.value,
            flip=flip,
            min_score=min_score,
            kinds=kinds,
            max_pixels=round(max_pixels * 1e6),
            progress=download,
        )
    run_and_exit(
        scan,
        job,
        run_options,
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
        with_page=page,
    )


def parse_kinds(text: str) -> tuple[str, ...]:
    """Kinds of output from a comma-separated list, in the order they are written.

    Raises:
        UsageError: an unknown kind, or none.
    """
    from m2fp_cli.store import KINDS

    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in KINDS]
    if unknown or not asked:
        raise UsageError(f"--save takes some of {','.join(KINDS)}, got {text!r}")
    return tuple(kind for kind in KINDS if kind in asked)
