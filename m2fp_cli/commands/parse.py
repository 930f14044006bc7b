"""``m2fp parse``: photos in, parsing results out."""

from __future__ import annotations

from typing import Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, INPUT
from m2fp_cli.commands.label_set import read_label_set, warn_of_lost_labels
from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.limits import MAX_PIXELS
from m2fp_cli.layout import DEFAULT_OUTPUT, DEFAULT_SAVE, SAVE_OPTIONS

EXAMPLES = """\
m2fp parse photos -r -o results
m2fp parse party.jpg --model starter --save labels,json,cutouts --report"""


def parse(
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.PhotosUnlessListed = None,
    files_from: options.FilesFrom = None,
    output: options.Output = DEFAULT_OUTPUT,
    model: options.Model = None,
    max_pixels: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=options.MOST_MEGAPIXELS,
            metavar="MP",
            help="Refuse photos with more megapixels than this.",
            rich_help_panel=INPUT,
        ),
    ] = MAX_PIXELS / 1e6,
    allow_truncated: Annotated[
        bool,
        typer.Option(
            "--allow-truncated",
            help="Parse a JPEG whose last rows are missing; they count as gray. With --rerun "
            "failed, photos that failed before are tried again.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    save: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help=f"What to write, with commas between: {', '.join(SAVE_OPTIONS)}.",
            rich_help_panel=CONTENT,
        ),
    ] = ",".join(DEFAULT_SAVE),
    label_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Also write label maps with the ids of another set to relabeled/: atr, lip, "
            "viton13, cihp or a JSON file of labels and where they come from.",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    min_score: options.MinScore = 0.1,
    page: options.Page = False,
    engine: options.Engine = options.EngineName.FAST,
    precision: options.Precision = options.PrecisionName.FP32,
    flip: options.Flip = False,
    tiles: options.Tiles = "off",
    threads: options.Threads = "auto",
    cluster: options.Cluster = None,
) -> None:
    """Find people, their body parts and garments in photos.

    Writes label maps to labels/, person maps to people/ and JSON documents with masks, scores and
    boxes to results/, all below the output folder. Run the same command again after an
    interruption or when photos were added: what is done is not done twice.
    """
    from m2fp_cli.batch.opening import open_output
    from m2fp_cli.commands.running import find_parse_job, run_and_exit
    from m2fp_cli.jobs.inputs import PhotoInputs
    from m2fp_cli.jobs.parse import ParseSettings
    from m2fp_cli.storage.remote.address import shown_place
    from m2fp_cli.terminal import displayable

    if cluster is not None and precision is options.PrecisionName.AUTO:
        raise UsageError(
            "--precision auto asks each machine's CPU; with --cluster say fp32 or bf16"
        )
    wanted = parse_save(save)
    if label_set is not None and "relabeled" not in wanted:
        wanted = (*wanted, "relabeled")
    settings = ParseSettings(
        engine=engine.value,
        precision=precision.value,
        flip=flip,
        tiles=tiles,
        min_score=min_score,
        save=tuple(name for name in SAVE_OPTIONS if name in wanted),
        max_pixels=round(max_pixels * 1e6),
        allow_truncated=allow_truncated,
        mapping=read_label_set(label_set, quiet=batch.quiet),
    )
    run_options = batch.run_options(threads, cluster)
    asked = PhotoInputs(
        tuple(inputs or ()),
        output,
        None,
        found.rules(),
        files_from=files_from,
        shard=run_options.shard,
        remote=run_options.remote,
    )
    folder = run_options.remote.output_folder(output) if run_options.remote else output
    scan = asked.scan(folder)
    open_output(folder).close()  # before a model is downloaded
    job = find_parse_job(folder, model, settings, quiet=batch.quiet)
    if not batch.quiet:
        warn_of_lost_labels(job)
    where = f"results in {displayable(shown_place(output))}"
    run_and_exit(scan, job, run_options, batch, where=where, page_of=output if page else None)


def parse_save(text: str) -> tuple[str, ...]:
    """What to write from a comma-separated list, in the order it is written.

    Raises:
        UsageError: an unknown name, or none.
    """
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in SAVE_OPTIONS]
    if unknown or not asked:
        raise UsageError(f"--save takes some of {','.join(SAVE_OPTIONS)}, got {text!r}")
    return tuple(name for name in SAVE_OPTIONS if name in asked)
