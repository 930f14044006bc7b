"""``m2fp looks``: what each customer tried on, and what they kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import CONTENT, INPUT, HelpCommand, HelpGroup
from m2fp_cli.errors import UsageError
from m2fp_cli.terminal import counted, displayable, say, warn

if TYPE_CHECKING:
    from m2fp_cli.tryon.profile import Profile

EXAMPLES = """\
m2fp looks add Anna m2fp-out/variants/anna
m2fp looks list Anna"""

app = typer.Typer(
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Remember what customers tried on, and what they kept.",
    epilog=EXAMPLES,
)

ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        envvar="M2FP_PROFILE",
        help="File of the profile. [default: m2fp/profile.sqlite in ~/.local/share or "
        "XDG_DATA_HOME]",
        show_default=False,
        rich_help_panel=INPUT,
        readable=False,
    ),
]
Numbers = Annotated[
    list[int], typer.Argument(metavar="NUMBER", help="Numbers from `m2fp looks list`.")
]


@app.command(
    "add",
    cls=HelpCommand,
    epilog="m2fp looks add Anna m2fp-out/variants/anna\n"
    "m2fp looks add Anna m2fp-out/tryon/anna.png --favorite",
)
def add(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Name of the customer.")],
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE",
            help="Pictures that m2fp tryon made, or folders of a photo's variants.",
            readable=False,
        ),
    ],
    favorite: Annotated[
        bool,
        typer.Option("--favorite", help="Also mark them as kept.", rich_help_panel=CONTENT),
    ] = False,
    profile: ProfileFile = None,
) -> None:
    """Note that a customer tried on what pictures show.

    What was put on is read from the record beside each picture. The picture itself stays where it
    is and is not copied.
    """
    from m2fp_cli.tryon.profile import checked_name
    from m2fp_cli.tryon.tried import read_tried

    checked_name(customer)
    tried = [look for path in pictures for look in read_tried(path)]
    if not tried:
        raise UsageError(f"nothing is worn in {displayable(pictures[0])}; name another picture")
    with _open(profile, create=True) as opened:
        numbers = opened.add(customer, tried)
        if favorite:
            opened.mark(numbers, favorite=True)
    say(f"{displayable(customer)}: {counted(len(numbers), 'look')}")


@app.command(
    "list",
    cls=HelpCommand,
    epilog="m2fp looks list Anna\nm2fp looks list --favorites --json",
)
def list_looks(
    customer: Annotated[
        str | None,
        typer.Argument(
            metavar="CUSTOMER", help="Whose looks. [default: everybody's]", show_default=False
        ),
    ] = None,
    favorites: Annotated[
        bool, typer.Option("--favorites", help="List what was kept only.", rich_help_panel=CONTENT)
    ] = False,
    profile: ProfileFile = None,
    as_json: options.JsonAnswer = False,
) -> None:
    """List what customers tried on; an asterisk marks what they kept."""
    with _open(profile) as opened:
        found = opened.looks(customer, favorites=favorites)
    if as_json:
        rows = [
            {
                "number": one.number,
                "customer": one.customer,
                "items": [{"kind": kind, "name": name} for kind, name in one.items],
                "picture": str(one.picture),
                "tried": one.tried,
                "favorite": one.favorite,
            }
            for one in found
        ]
        say(json.dumps(rows))
        return
    if not found:
        warn(_nothing(customer, favorites=favorites))
    for one in found:
        day = time.strftime("%Y-%m-%d", time.localtime(one.tried))
        worn = displayable(", ".join(f"{kind} {name}" for kind, name in one.items))
        mark = "*" if one.favorite else " "
        name = displayable(one.customer)
        say(f"{one.number:4d} {mark} {day}  {name}  {worn}  {displayable(one.picture)}")


@app.command(
    "favorite",
    cls=HelpCommand,
    epilog="m2fp looks favorite 3\nm2fp looks favorite 3 4 --undo",
)
def favorite(
    numbers: Numbers,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the mark away again.", rich_help_panel=CONTENT)
    ] = False,
    profile: ProfileFile = None,
) -> None:
    """Mark looks as kept by their customer."""
    with _open(profile) as opened:
        opened.mark(numbers, favorite=not undo)


@app.command(
    "remove",
    cls=HelpCommand,
    epilog="m2fp looks remove 3 4\nm2fp looks remove --customer Anna",
)
def remove(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="NUMBER", help="Numbers from `m2fp looks list`."),
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option(
            "--customer",
            metavar="NAME",
            help="Forget everything of this customer.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    profile: ProfileFile = None,
) -> None:
    """Forget looks, or a customer; pictures stay where they are."""
    if (customer is None) == (not numbers):
        raise UsageError("say what is forgotten: either numbers, or --customer NAME; not both")
    with _open(profile) as opened:
        if customer is not None:
            count = opened.remove_customer(customer)
        else:
            count = opened.remove(numbers or ())
    say(f"{counted(count, 'look')} forgotten")


def _nothing(customer: str | None, *, favorites: bool) -> str:
    """What a list that holds no look says instead: no line at all would look like a failure."""
    done = "kept" if favorites else "tried on"
    if customer is not None:
        return f"{displayable(customer)} has {done} nothing; `m2fp looks list` has all"
    add = "`m2fp looks favorite NUMBER` marks" if favorites else "`m2fp looks add` notes"
    return f"nobody has {done} anything; {add} what somebody {done}"


def _open(file: Path | None, *, create: bool = False) -> Profile:
    from m2fp_cli.tryon.profile import Profile, default_profile

    return Profile(default_profile() if file is None else file, create=create)
