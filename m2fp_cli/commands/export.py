"""``m2fp export``: results in, what other programs want of them out."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.help import CONTENT, INPUT, MASK
from m2fp_cli.commands.label_set import read_label_set
from m2fp_cli.errors import UsageError
from m2fp_cli.layout import EXPORTS
from m2fp_cli.numerals import read_color, read_whole

if TYPE_CHECKING:
    from m2fp_cli.agnostic.mask import MaskSettings
    from m2fp_cli.exports.format import Format

EXAMPLES = """\
m2fp export --to comfyui --category dress --rule fashn
m2fp export photos --to coco -o dataset --model starter"""

_SIZE = "768x1024"
OWN_COMMANDS = {"agnostic": "masks", "describe": "describe"}
"""Formats that ``--to`` does not take, since they have a command of their own."""
Target = Enum(  # type: ignore[misc]
    "Target", {name: name for name in EXPORTS if name not in OWN_COMMANDS}, type=str
)


class Fit(str, Enum):
    """How a photo is brought into a frame of a fixed size."""

    PAD = "pad"
    CROP = "crop"


@dataclass(frozen=True)
class MaskOptions:
    """How agnostic masks are made; see ``agnostic.mask.MaskSettings``."""

    category: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What is to be put on: upper, lower, dress, inner (below a coat), outer (a coat) "
            "or full.",
            rich_help_panel=MASK,
        ),
    ] = "upper"
    rule: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How far masks reach beyond what is worn: tight, hull (CatVTON's) or fashn (FASHN "
            "VTON's, hides the outline).",
            rich_help_panel=MASK,
        ),
    ] = "hull"
    grow: Annotated[
        str,
        typer.Option(
            metavar="PX|%",
            help="Make masks so much wider, or narrower if negative: pixels of the photo, or "
            "percent of the person's longer side.",
            rich_help_panel=MASK,
        ),
    ] = "0"
    feather: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=500.0,
            metavar="PX",
            help="Width of a soft edge around masks.",
            rich_help_panel=MASK,
        ),
    ] = 0.0
    people: Annotated[
        str | None,
        typer.Option(
            "--people",
            "--person",
            metavar="WHO",
            help="Whom to take: largest, all, or ids such as 1,3. [default: largest for masks and "
            "try-on, all for other data sets]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None

    def settings(self) -> MaskSettings:
        """The options as masks take them.

        Raises:
            UsageError: one of them makes no sense.
        """
        from m2fp_cli.agnostic.mask import MaskSettings, parse_growth

        return MaskSettings(self.category, self.rule, parse_growth(self.grow), self.feather)


def export(
    to: Annotated[
        Target,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"Format of the data set, and its folder: {', '.join(Target.__members__)}.",
            rich_help_panel=CONTENT,
        ),
    ],
    mask: MaskOptions,
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.ParsedOrPhotos = None,
    files_from: options.FilesFrom = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder in which the data set gets its folder, or s3://, gs://, az://. [default: "
            "the results' folder]",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
    photos: options.MovedPhotos = None,
    model: options.Model = None,
    fill: Annotated[
        str | None,
        typer.Option(
            metavar="GRAY|RGB",
            help="Color behind masks in agnostic pictures: a gray of 0 to 255, or #rrggbb. "
            "[default: 128]",
            show_default=False,
            rich_help_panel=MASK,
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            metavar="WxH",
            help="Size of the pictures of try-on data sets.",
            rich_help_panel=CONTENT,
        ),
    ] = _SIZE,
    fit: Annotated[
        Fit,
        typer.Option(
            help="How they get it: pad shows the whole photo on white, crop the person.",
            rich_help_panel=CONTENT,
        ),
    ] = Fit.PAD,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Part of the data set: test, train and so on. [default: what the format is "
            "mostly made for]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    label_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Labels of the data set: cihp, atr, lip, viton13 or a JSON file. [default: the "
            "format's own, else those of the model]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
) -> None:
    """Make a data set for try-on, annotators and trainers.

    It goes to a folder named after the format, with a manifest.json that says where everything is
    from. Without an input it takes what an earlier parse left in ./m2fp-out.
    """
    from m2fp_cli.commands.exporting import run_export
    from m2fp_cli.exports import find_format
    from m2fp_cli.exports.format import ExportSettings
    from m2fp_cli.jobs.fitting import parse_people
    from m2fp_cli.jobs.inputs import PhotoInputs

    wanted = find_format(to.value)
    if label_set is not None and not wanted.takes_labels:
        raise UsageError(f"{wanted.name} holds no label maps; leave --label-set out")
    if not wanted.masks:
        _refuse_changed(mask, wanted)
    if not wanted.masks and fill is not None:
        raise UsageError(f"{wanted.name} makes no masks; leave --fill out")
    if not wanted.scales and (size, fit) != (_SIZE, Fit.PAD):
        raise UsageError(f"{wanted.name} scales no pictures; leave --size and --fit out")
    if not wanted.split and split is not None:
        raise UsageError(f"{wanted.name} has no parts such as train and test; leave --split out")
    settings = ExportSettings(
        people=parse_people(mask.people or wanted.people, "--people"),
        mask=mask.settings(),
        fill_rgb=None if fill is None else parse_fill(fill),
        size_wh=parse_size(size),
        fit=fit.value,
        split=wanted.split or ExportSettings.split if split is None else parse_split(split),
        mapping=read_label_set(label_set, quiet=batch.quiet),
    )
    asked = PhotoInputs(tuple(inputs or ()), output, photos, found.rules(), files_from=files_from)
    run_export(wanted.name, asked, settings, model, batch)


def _refuse_changed(mask: MaskOptions, wanted: Format) -> None:
    """Refuse options that a format has no use for.

    Raises:
        UsageError: one of them is given.
    """
    given = (one.name for one in fields(mask) if getattr(mask, one.name) != one.default)
    useless = next((name for name in given if name != "people"), None)
    if useless is not None:
        raise UsageError(f"{wanted.name} makes no masks; leave --{useless} out")


def parse_fill(text: str) -> tuple[int, int, int]:
    """A gray of 0 to 255, or ``#rrggbb``, as RGB.

    Raises:
        UsageError: the text is neither.
    """
    gray = read_whole(text, 255)
    color = read_color(text) if gray is None else (gray, gray, gray)
    if color is not None:
        return color
    raise UsageError(f"--fill takes a gray of 0 to 255 or #rrggbb, got {text[:40]!r}")


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from ``768x1024``.

    Raises:
        UsageError: the text is something else, or a side is not 16 to 8192 pixels.
    """
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(16 <= side <= 8192 for side in sides):
        raise UsageError(
            f"--size takes width x height such as 768x1024, each 16 to 8192 pixels, got {text!r}"
        )
    return sides


def parse_split(text: str) -> str:
    """The name of a part of a data set, which is a folder's name too.

    Raises:
        UsageError: it cannot be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
        raise UsageError(f"--split takes letters, digits, - and _, got {text!r}")
    return text
