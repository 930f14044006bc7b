"""``m2fp parse``: photos in, parsing results out."""

from __future__ import annotations

from typing import Annotated

import typer

from m2fp_cli import options
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.errors import UsageError


def parse(
    inputs: options.Inputs,
    output: options.Output = options.DEFAULT_OUTPUT,
    recursive: options.Recursive = False,
    model: options.Model = None,
    engine: options.Engine = options.EngineName.FAST,
    precision: options.Precision = options.PrecisionName.FP32,
    flip: options.Flip = False,
    min_score: options.MinScore = 0.1,
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
    from m2fp_cli.commands.batch_run import run_and_exit
    from m2fp_cli.commands.parsing import ParseSettings, find_parse_job
    from m2fp_cli.imaging.atomic import check_writable

    settings = ParseSettings(
        engine.value,
        precision.value,
        flip,
        min_score,
        kinds=parse_kinds(save),
        max_pixels=round(max_pixels * 1e6),
    )
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
    job = find_parse_job(output, model, settings, quiet=quiet)
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
