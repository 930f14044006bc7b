"""``m2fp models``: which models there are, fetching them, and where they lie."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import calibrate
from m2fp_cli.commands.completion import complete_model
from m2fp_cli.commands.help import CONTENT, FAILURES, MESSAGES, HelpCommand, HelpGroup
from m2fp_cli.commands.options import JsonAnswer as AsJson
from m2fp_cli.errors import ModelError, UsageError
from m2fp_cli.models.registry import (
    KNOWN_MODELS,
    KnownModel,
    ModelFolder,
    default_name,
    fetch_model,
    hub_id_of,
    resolve_model,
)
from m2fp_cli.numerals import read_whole
from m2fp_cli.terminal import say

if TYPE_CHECKING:
    from rich.table import Table

_HEADINGS = ("name", "parses", "license", "on this machine", "ModelScope id")
EXAMPLES = """\
m2fp models list
m2fp models pull m2fp"""

app = typer.Typer(
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, fetch, locate and calibrate the models.",
    epilog=EXAMPLES,
)

app.command("calibrate", cls=HelpCommand, epilog=calibrate.EXAMPLES)(calibrate.calibrate)

ModelName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="Short name, ModelScope id (owner/name) or folder. [default: M2FP_MODEL, or m2fp]",
        show_default=False,
        autocompletion=complete_model,
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
        license: license of its weights.
        default: whether it is the one that is used where none is named.
        folder: where its files lie; None when they are not on this machine.
        weights_bytes: size of its weights; None when they are not on this machine.
    """

    name: str
    hub_id: str | None
    title: str
    license: str
    default: bool
    folder: str | None
    weights_bytes: int | None


@app.command("list", cls=HelpCommand, epilog="m2fp models list\nm2fp models list --json")
def list_models(as_json: AsJson = False) -> None:
    """List the models that have a short name.

    Says of each what it parses, its license, and whether it is on this machine.
    """
    rows = [_row(model) for model in KNOWN_MODELS]
    if as_json:
        say(json.dumps([asdict(row) for row in rows], indent=2))
        return
    _print_table(rows)
    if not any(row.default for row in rows):
        say(f"default: {default_name()}, as M2FP_MODEL says", stream=sys.stderr)


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


class NetworkFormat(str, Enum):
    """Runtimes that a model can be written for."""

    ONNX = "onnx"
    OPENVINO = "openvino"


@app.command(
    "export",
    cls=HelpCommand,
    epilog="m2fp models export starter --to onnx -o starter-onnx\n"
    "m2fp models export m2fp --to openvino -o m2fp-openvino --size 960x1280",
)
def export_model(
    to: Annotated[
        NetworkFormat, typer.Option("--to", help="Runtime to write for.", rich_help_panel=CONTENT)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the files; made if it is missing. Nothing in it is replaced.",
            rich_help_panel=CONTENT,
            readable=False,
        ),
    ],
    name: ModelName = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            help="Size of the network's input, multiples of 32; photos are scaled to fit. "
            "[default: a square of 1.5 times the model's shortest edge]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a model for ONNX Runtime or OpenVINO.

    The folder gets a short program that parses without torch, and a README of inputs and outputs.
    If the runtime is installed here, the network is run in it and compared with torch.
    """
    from m2fp_cli.deploy.package import deploy_model
    from m2fp_cli.models.progress import show_download
    from m2fp_cli.terminal import displayable

    input_hw = None if size is None else parse_input_size(size)
    name = name or default_name()
    with show_download(quiet=quiet) as progress:
        model = resolve_model(name, progress=progress)
    done = deploy_model(model, output, to.value, name=name, input_hw=input_hw)
    if not quiet:
        checked = (
            "not run here, since the runtime is not installed"
            if done.difference is None
            else f"no probability differs from torch's by more than {done.difference:.1e}"
        )
        shown = f"{displayable(output)}: {', '.join(done.files)}"
        size = f"{done.input_hw[1]}x{done.input_hw[0]}"
        say(f"{shown}; input {size}; {checked}", stream=sys.stderr)


def parse_input_size(text: str) -> tuple[int, int]:
    """Height and width from ``480x640``, which is width x height.

    Raises:
        UsageError: the text is something else, or a side is not a multiple of 32 up to 4096.
    """
    first, _, second = text.partition("x")
    width, height = read_whole(first, 4096), read_whole(second, 4096)
    if not width or not height or width % 32 or height % 32:
        raise UsageError(f"--size takes width x height, multiples of 32, got {text[:40]!r}")
    return height, width


def _row(model: KnownModel) -> ModelRow:
    try:
        found = resolve_model(model.name, download=False)
    except ModelError:
        found = None
    return ModelRow(
        name=model.name,
        hub_id=model.hub_id,
        title=model.title,
        license=model.license,
        default=model.name == default_name(),
        folder=str(found.folder) if found else None,
        weights_bytes=found.weights.stat().st_size if found else None,
    )


def _print_table(rows: list[ModelRow]) -> None:
    from rich.console import Console

    cells = []
    for row in rows:
        size = "no" if row.weights_bytes is None else f"{row.weights_bytes / 1e6:.0f} MB"
        name = f"{row.name} (default)" if row.default else row.name
        cells.append((name, row.title, row.license, size, row.hub_id or "bundled"))
    # A pipe gets whole lines; only a terminal has a width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = _table(_HEADINGS, cells)
    if console.width >= console.measure(table, options=console.options.update(width=1000)).maximum:
        console.print(table)
        return
    # An id that is broken in two cannot be copied: the ids follow in a table of their own.
    console.print(_table(_HEADINGS[:-1], [row[:-1] for row in cells]))
    console.print()
    console.print(_table((_HEADINGS[0], _HEADINGS[-1]), [(row[0], row[-1]) for row in cells]))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


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
