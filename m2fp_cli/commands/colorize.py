"""``m2fp colorize``: results in, pictures a person can look at out."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli import options
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.errors import UsageError


class By(str, Enum):
    """What a colour stands for."""

    LABEL = "label"
    PERSON = "person"


class Background(str, Enum):
    """What is behind the colours of a colour map."""

    BLACK = "black"
    PHOTO = "photo"
    TRANSPARENT = "transparent"


Inputs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[INPUT]",
        help="Output of an earlier parse, photos (parsed first), or with --label-set label maps. "
        "[default: ./m2fp-out]",
        show_default=False,
    ),
]


def colorize(
    inputs: Inputs = None,
    output: options.PicturesOutput = None,
    palette: Annotated[
        str, typer.Option(metavar="FILE|NAME", help="m2fp, voc, cihp, or JSON: label to RGB.")
    ] = "m2fp",
    labels: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Paint these only, such as hair,face,shoes.", show_default=False
        ),
    ] = "",
    by: Annotated[By, typer.Option(help="What a colour stands for.")] = By.LABEL,
    background: Annotated[
        Background, typer.Option(help="Behind the colour map.")
    ] = Background.BLACK,
    opacity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of the colours in an overlay.")
    ] = 0.6,
    overlay: Annotated[
        bool | None,
        typer.Option(
            "--overlay/--no-overlay",
            help="Colours over the photo. [default: on where there is a photo]",
            show_default=False,
        ),
    ] = None,
    contours: Annotated[bool, typer.Option("--contours", help="Outline every person.")] = False,
    legend: Annotated[
        bool, typer.Option("--legend", help="Put a key to the colours where it hides no face.")
    ] = False,
    picture_format: Annotated[
        options.PictureFormat | None,
        typer.Option(
            "--format", help="[default: png for colours, jpg for overlays]", show_default=False
        ),
    ] = None,
    label_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The inputs are label maps with these ids: cihp, lip, atr, voc, voc-part.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the photos are: of label maps, or if they were moved.",
            show_default=False,
        ),
    ] = None,
    recursive: options.Recursive = False,
    model: options.Model = None,
    workers: options.Workers = "auto",
    timeout: options.Timeout = None,
    rerun: options.RerunWhat = Rerun.CHANGED,
    checksum: options.Checksum = False,
    shard: options.ShardText = None,
    max_failures: options.MaxFailures = None,
    log_file: options.LogFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Paint results: colour maps into colors/, colours over the photos into overlays/.

    Without an input it paints what an earlier parse left in ./m2fp-out.
    """
    fmt = picture_format.value if picture_format else None
    if fmt == "jpg" and background is Background.TRANSPARENT:
        raise UsageError("JPEG knows no transparency; use --format png or webp")
    if label_set is not None:
        _check_label_maps(inputs, label_set, by, contours)
        if photos is None and (overlay or background is Background.PHOTO):
            raise UsageError("label maps know no photos; name their folder with --photos")

    from m2fp_cli.commands.painting import PaintInputs, find_work, load_colors, run_painting
    from m2fp_cli.render.pictures import PaintSettings

    run_options = options.make_run_options(
        workers=workers,
        timeout=timeout,
        rerun=rerun,
        checksum=checksum,
        shard=shard,
        max_failures=max_failures,
        log_file=log_file,
    )
    asked = PaintInputs(
        tuple(inputs or ()),
        output,
        label_set,
        photos,
        recursive,
        model,
        run_options,
        quiet,
        verbose,
    )
    work = find_work(asked)
    scheme, names = load_colors(work, palette, labels)
    settings = PaintSettings(
        scheme=scheme,
        by=by.value,
        labels=names,
        background=background.value,
        opacity=opacity,
        overlay=overlay if overlay is not None else label_set is None or photos is not None,
        contours=contours,
        legend=legend,
        color_map_format=fmt or "png",
        overlay_format=fmt or "jpg",
    )
    report = run_painting(work, settings, asked)
    if as_json:
        print(json.dumps(report.as_json()))
    raise typer.Exit(report.exit_code)


def _check_label_maps(inputs: list[Path] | None, label_set: str, by: By, contours: bool) -> None:
    """What cannot be had from label maps alone is said before any work.

    Raises:
        UsageError: an unknown label set, no input, or an option that needs people.
    """
    from m2fp_cli.labels import LABEL_SETS

    if label_set not in LABEL_SETS:
        raise UsageError(f"there is no label set {label_set!r}; use {', '.join(LABEL_SETS)}")
    if not inputs:
        raise UsageError("--label-set says what the ids in label maps mean; name the label maps")
    if by is By.PERSON or contours:
        raise UsageError("label maps know no people; leave --by person and --contours out")
