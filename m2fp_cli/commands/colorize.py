"""``m2fp colorize``: results in, pictures a person can look at out."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, INPUT
from m2fp_cli.errors import UsageError

EXAMPLES = """\
m2fp colorize
m2fp colorize results -o pictures --by person --contours --legend"""


class By(str, Enum):
    """What a color stands for."""

    LABEL = "label"
    PERSON = "person"


class Background(str, Enum):
    """What is behind the colors of a color map."""

    BLACK = "black"
    PHOTO = "photo"
    TRANSPARENT = "transparent"


def colorize(
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.ParsedOrPhotos = None,
    files_from: options.FilesFrom = None,
    output: options.PicturesOutput = None,
    label_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take the inputs as label maps of another tool, with the ids of cihp, lip, atr, "
            "viton13, voc or voc-part.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the photos: those that belong to label maps, or photos that were moved "
            "after parsing.",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
    model: options.Model = None,
    overlay: Annotated[
        bool | None,
        typer.Option(
            "--overlay/--no-overlay",
            help="Also write the colors over the photo. [default: where there is a photo]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    by: Annotated[
        By,
        typer.Option(help="Give a color to each label, or each person.", rich_help_panel=CONTENT),
    ] = By.LABEL,
    labels: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Paint these labels only, such as hair,face,shoes.",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = "",
    palette: options.PaletteName = "m2fp",
    background: Annotated[
        Background, typer.Option(help="What a color map has behind it.", rich_help_panel=CONTENT)
    ] = Background.BLACK,
    opacity: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Opacity of the colors over a photo.",
            rich_help_panel=CONTENT,
        ),
    ] = 0.6,
    contours: Annotated[
        bool,
        typer.Option("--contours", help="Outline each person.", rich_help_panel=CONTENT),
    ] = False,
    legend: Annotated[
        bool,
        typer.Option(
            "--legend", help="Add a legend, where it hides no face.", rich_help_panel=CONTENT
        ),
    ] = False,
    picture_format: Annotated[
        options.PictureFormat | None,
        typer.Option(
            "--format",
            help="File format of the pictures. [default: png for color maps, jpg for overlays]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    cluster: options.Cluster = None,
) -> None:
    """Paint results: color maps, and colors over the photos.

    Color maps go to colors/, the colors over the photos to overlays/. Without an input it paints
    what an earlier parse left in ./m2fp-out.
    """
    fmt = picture_format.value if picture_format else None
    if fmt == "jpg" and background is Background.TRANSPARENT:
        raise UsageError("--background transparent needs --format png or webp; JPEG has no alpha")
    if label_set is not None:
        _check_label_maps(inputs or files_from, label_set, by, contours)
        if photos is None and (overlay or background is Background.PHOTO):
            raise UsageError(
                "label maps come without photos; give the folder of the photos with --photos"
            )

    from m2fp_cli.commands.running import find_source, run_and_exit
    from m2fp_cli.jobs.colorize import ColorizeJob, load_colors
    from m2fp_cli.jobs.inputs import PhotoInputs
    from m2fp_cli.render.pictures import PaintSettings

    run_options = batch.run_options(cluster=cluster)
    asked = PhotoInputs(
        tuple(inputs or ()),
        output,
        photos,
        found.rules(),
        label_set,
        files_from,
        run_options.shard,
    )
    source = find_source(asked, model, run_options, batch)
    scheme, names = load_colors(source, palette, labels)
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
    job = ColorizeJob(source.output, settings, source.results, source.label_set, source.photos)
    where = f"pictures in {source.shown_output}"
    run_and_exit(source.scan, job, run_options, batch, where=where, parsing=source.parsing)


def _check_label_maps(
    inputs: list[Path] | Path | None, label_set: str, by: By, contours: bool
) -> None:
    """What cannot be had from label maps alone is said before any work.

    Raises:
        UsageError: an unknown label set, no input, or an option that needs people.
    """
    from m2fp_cli.records.labels import LABEL_SETS

    if label_set not in LABEL_SETS:
        raise UsageError(f"there is no label set {label_set!r}; use {', '.join(LABEL_SETS)}")
    if not inputs:
        raise UsageError("--label-set needs label maps; name the files or folders that hold them")
    if by is By.PERSON or contours:
        raise UsageError("label maps do not hold people; leave out --by person and --contours")
