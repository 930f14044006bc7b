"""``m2fp labels``: id, name and color of every label."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import INPUT
from m2fp_cli.errors import ModelError, UsageError
from m2fp_cli.records.labels import CIHP, LABEL_SETS, LabelSet
from m2fp_cli.terminal import say, say_row

EXAMPLES = """\
m2fp labels --model starter
m2fp labels --label-set atr --json"""


def labels(
    model: options.Model = None,
    label_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Show the labels of cihp, lip, atr, viton13, voc or voc-part, not those of a "
            "model.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    palette: options.PaletteName = "m2fp",
    as_json: options.JsonAnswer = False,
) -> None:
    """Print id, name and color of every label.

    The labels are those of a model, or of another tool's label maps. Those of the default model are
    known even where its weights are not on this machine.
    """
    from m2fp_cli.records.palette import Palette, load_scheme

    shown = _find_labels(model, label_set)
    colors = Palette.for_labels(shown, load_scheme(palette, shown)).colors_rgb.tolist()
    rows = [(i, name, (int(c[0]), int(c[1]), int(c[2]))) for i, name, c in _numbered(shown, colors)]
    if as_json:
        say(json.dumps([{"id": i, "name": name, "rgb": color} for i, name, color in rows]))
        return
    if sys.stdout.isatty():
        _print_table(rows)
        return
    for label_id, name, color in rows:
        say_row((str(label_id), name, _hex(color)))


def _numbered(shown: LabelSet, colors: list[list[int]]) -> list[tuple[int, str, list[int]]]:
    """Labels that can be in a label map: the whole-person class is none of them."""
    return [
        (label_id, name, colors[label_id])
        for label_id, name in enumerate(shown.names)
        if label_id != shown.human_id
    ]


def _find_labels(model: str | None, label_set: str | None) -> LabelSet:
    """Labels of a model or of a label set.

    Raises:
        UsageError: both are named, or the label set is unknown.
        ModelError: the model is not on this machine, and its labels are not known without it.
    """
    from m2fp_cli.models.registry import DEFAULT_NAME, SHORT_NAMES, default_name, resolve_model
    from m2fp_cli.network.config import read_config

    if label_set is not None:
        if label_set not in LABEL_SETS:
            raise UsageError(f"there is no label set {label_set!r}; use {', '.join(LABEL_SETS)}")
        return LABEL_SETS[label_set]
    name = model or default_name()
    try:
        return read_config(resolve_model(name, download=False).folder).labels
    except ModelError:
        published = (DEFAULT_NAME, SHORT_NAMES[DEFAULT_NAME].hub_id)
        if name not in published:
            raise
        return CIHP  # the published default model's labels are part of its name


def _print_table(rows: list[tuple[int, str, tuple[int, int, int]]]) -> None:
    from rich.console import Console
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", justify="right")
    for heading in ("label", "color", ""):
        table.add_column(heading)
    for label_id, name, color in rows:
        swatch = Text("      ", Style(bgcolor=_hex(color)))
        table.add_row(str(label_id), Text(name), _hex(color), swatch)
    Console().print(table)


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
