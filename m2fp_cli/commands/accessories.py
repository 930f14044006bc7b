"""``m2fp accessories``: what can be worn, and whether a picture of one's own can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.completion import complete_accessory, complete_kind
from m2fp_cli.commands.help import INPUT, HelpCommand, HelpGroup
from m2fp_cli.errors import UsageError
from m2fp_cli.layout import ANCHORS_END
from m2fp_cli.terminal import displayable, say
from m2fp_cli.tryon.kinds import KIND_NAMES

EXAMPLES = """\
m2fp accessories list
m2fp accessories check my_hat.png --kind hat"""

app = typer.Typer(
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show and check what can be tried on.",
    epilog=EXAMPLES,
)

AsJson = options.JsonAnswer
_MARK = "drawn by m2fp accessories check"  # in the picture: says that it may be replaced


@app.command("list", cls=HelpCommand, epilog="m2fp accessories list\nm2fp accessories list --json")
def list_names(as_json: AsJson = False) -> None:
    """List the accessories that come with the tool."""
    from m2fp_cli.tryon.catalog import list_accessories

    found = list_accessories()
    if as_json:
        say(json.dumps([{"name": name, "kind": kind} for name, kind in found.items()]))
        return
    for name, kind in found.items():
        say(f"{kind:10s} {name}")


@app.command(
    "show",
    cls=HelpCommand,
    epilog="m2fp accessories show fedora\nm2fp accessories show my_hat.png --json",
)
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name, or PNG file with its JSON file beside it.",
            autocompletion=complete_accessory,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print an accessory's file, its size and its anchors.

    Anchors are the points, in pixels of the picture, that fix it to a person.
    """
    from m2fp_cli.tryon.catalog import find_accessory, load_accessory

    path = find_accessory(name)
    item = load_accessory(name, _kind_of(path, None))
    height, width = item.bgra.shape[:2]
    document = {
        "name": item.name,
        "kind": item.kind,
        "file": str(path),
        "size": [width, height],
        "anchors": {key: [round(v, 1) for v in point] for key, point in item.anchors.items()},
        **item.numbers,
        "notes": list(item.notes),
    }
    if as_json:
        say(json.dumps(document))
        return
    anchors = (f"{key} at {x:.1f}, {y:.1f}" for key, (x, y) in item.anchors.items())
    shown = document | {
        "size": f"{width} x {height}",
        "anchors": "; ".join(anchors) or "none",
        "notes": "; ".join(item.notes) or "none",
    }
    for key, value in shown.items():
        say(f"{key}: {value}")


@app.command(
    "check",
    cls=HelpCommand,
    epilog="m2fp accessories check my_hat.png --kind hat\n"
    "m2fp accessories check drop.png --kind earrings -o anchors.png",
)
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="PNG with transparency.",
            readable=False,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help=f"What the picture shows: {', '.join(KIND_NAMES)}. [default: as its JSON file "
            "says]",
            show_default=False,
            rich_help_panel=INPUT,
            autocompletion=complete_kind,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Picture to write, with the anchors drawn. [default: the name of FILE with "
            "-anchors.png]",
            show_default=False,
            rich_help_panel=INPUT,
            readable=False,
        ),
    ] = None,
) -> None:
    """Draw the anchors of a picture, and say what is wrong with it.

    Anchors that the JSON file beside the picture does not state are guessed from what is visible.
    Exits with 1 if something is wrong.
    """
    from m2fp_cli.imaging.encoding import encode_png, tag_png
    from m2fp_cli.storage.inputs import require_file
    from m2fp_cli.storage.writing import write_file
    from m2fp_cli.tryon.catalog import load_accessory
    from m2fp_cli.tryon.inspection import draw_anchors, find_faults

    require_file(file, "name a PNG with transparency")
    item = load_accessory(str(file), _kind_of(file, kind))
    faults = find_faults(item)
    target = output or file.with_name(f"{file.stem}{ANCHORS_END}")
    data = tag_png(encode_png(draw_anchors(item)), _MARK)
    write_file(target, data, mark=_MARK.encode())
    for note in item.notes:
        say(f"note: {note}")
    for fault in faults:
        say(f"wrong: {fault}")
    say(f"anchors drawn in {displayable(target)}")
    raise typer.Exit(1 if faults else 0)


def _kind_of(path: Path, stated: str | None) -> str:
    """Kind of a picture: as stated, or as its JSON says.

    Raises:
        UsageError: neither says it, or what is stated is none.
    """
    from m2fp_cli.tryon.catalog import stated_kind

    text = stated or stated_kind(path)
    if text is None:
        raise UsageError(
            f"nothing says what {displayable(path)} shows; give m2fp accessories check one of "
            f"--kind {', '.join(KIND_NAMES)}, or state a kind in the JSON file beside it"
        )
    if text not in KIND_NAMES:
        raise UsageError(f"there is no kind {text!r}; kinds are {', '.join(KIND_NAMES)}")
    return text
