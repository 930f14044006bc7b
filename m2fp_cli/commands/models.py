"""``m2fp models``: which models there are, fetching them, and where they lie."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands.help import FAILURES, MESSAGES, HelpCommand, HelpGroup
from m2fp_cli.commands.options import JsonAnswer as AsJson
from m2fp_cli.errors import ModelError
from m2fp_cli.models.registry import (
    KNOWN_MODELS,
    KnownModel,
    ModelFolder,
    default_name,
    fetch_model,
    hub_id_of,
    resolve_model,
)
from m2fp_cli.terminal import say

EXAMPLES = """\
m2fp models list
m2fp models pull m2fp"""

app = typer.Typer(
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, fetch and locate the models.",
    epilog=EXAMPLES,
)

ModelName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="Short name, ModelScope id (owner/name) or folder. [default: M2FP_MODEL, or m2fp]",
        show_default=False,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Do not show the download's progress.", rich_help_panel=MESSAGES
    ),
]


@dataclass(frozen=True)
class ModelRow:
    """One model in the list; the fields are those of ``--json``.

    Attributes:
        name: short name.
        hub_id: ModelScope id; None for the bundled model.
        title: what it parses.
        licence: licence of its weights.
        default: whether it is the one that is used where none is named.
        folder: where its files lie; None when they are not on this machine.
        weights_bytes: size of its weights; None when they are not on this machine.
    """

    name: str
    hub_id: str | None
    title: str
    licence: str
    default: bool
    folder: str | None
    weights_bytes: int | None


@app.command("list", cls=HelpCommand, epilog="m2fp models list\nm2fp models list --json")
def list_models(as_json: AsJson = False) -> None:
    """List the models that have a short name.

    Says of each what it parses, its licence, and whether it is on this machine.
    """
    rows = [_row(model) for model in KNOWN_MODELS]
    if as_json:
        say(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print_table(rows)


@app.command(
    "pull",
    cls=HelpCommand,
    epilog="m2fp models pull m2fp\n"
    "m2fp models pull damo/cv_resnet101_image-single-human-parsing -q",
)
def pull_model(
    name: ModelName = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Compare with the hub even if the files look whole.",
            rich_help_panel=FAILURES,
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download a model that is missing or damaged; print its folder.

    An interrupted download goes on where it stopped. If the files are on this machine and whole,
    the network is not used, unless --force is given.
    """
    from m2fp_cli.models.progress import show_download

    name = name or default_name()
    hub_id = hub_id_of(name)
    with show_download(quiet=quiet) as progress:
        if hub_id is not None and (force or not _is_whole(name)):
            fetch_model(name, hub_id, progress=progress)
        model = resolve_model(name, progress=progress)
    _check(model)
    _print_folder(model, as_json)


@app.command(
    "path", cls=HelpCommand, epilog="m2fp models path starter\nm2fp models path m2fp --json"
)
def print_path(name: ModelName = None, as_json: AsJson = False) -> None:
    """Print the folder of a model that is on this machine.

    Never downloads anything.
    """
    _print_folder(resolve_model(name, download=False), as_json)


def _row(model: KnownModel) -> ModelRow:
    try:
        found = resolve_model(model.name, download=False)
    except ModelError:
        found = None
    return ModelRow(
        name=model.name,
        hub_id=model.hub_id,
        title=model.title,
        licence=model.licence,
        default=model.name == default_name(),
        folder=str(found.folder) if found else None,
        weights_bytes=found.weights.stat().st_size if found else None,
    )


def _print_table(rows: list[ModelRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "parses", "licence", "on this machine", "ModelScope id"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        size = "no" if row.weights_bytes is None else f"{row.weights_bytes / 1e6:.0f} MB"
        name = f"{row.name} (default)" if row.default else row.name
        table.add_row(name, row.title, row.licence, size, row.hub_id or "bundled")
    # A pipe gets whole lines; only a terminal has a width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)


def _is_whole(name: str) -> bool:
    try:
        _check(resolve_model(name, download=False))
    except ModelError:
        return False
    return True


def _check(model: ModelFolder) -> None:
    from m2fp_cli.models.weights import verify_weights

    verify_weights(model.folder)


def _print_folder(model: ModelFolder, as_json: bool) -> None:
    if as_json:
        files: dict[str, Path] = {
            "folder": model.folder,
            "configuration": model.configuration,
            "weights": model.weights,
        }
        fields = {key: str(path) for key, path in files.items()}
        say(json.dumps({"name": model.name, **fields, "source": model.source.value}, indent=2))
    else:
        say(str(model.folder))
