"""The tree of commands, and whether a line that a reader may type fits it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from m2fp_cli.cli import app
from m2fp_cli.commands.parse import parse_save
from m2fp_cli.tryon.catalog import list_accessories
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of

MAKEFILE = Path(__file__).parents[2] / "Makefile"
ROOT: Any = typer.main.get_command(app)
_ENDS_A_COMMAND = frozenset(("&&", "||", "|", ";", "&", ">", ">>", "<"))


def walk_commands(command: Any = ROOT, words: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Every command and group with the words that call it, ``m2fp`` left out."""
    yield command, " ".join(words)
    for name, one in getattr(command, "commands", {}).items():
        yield from walk_commands(one, (*words, name))


def find_lines(text: str) -> Iterator[list[str]]:
    """The calls of m2fp and make in a line of a shell or a crontab, as words."""
    lexer = shlex.shlex(text.strip().removeprefix("$ "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _ENDS_A_COMMAND:
            words.append(word)
            continue
        names = [Path(one).name for one in words]
        if "m2fp" in names:
            yield ["m2fp", *words[names.index("m2fp") + 1 :]]
        elif words[:1] == ["make"]:
            yield words
        words = []


def check_line(words: list[str], *, whole: bool = True) -> None:
    """Fail unless the command exists and takes these options with these values.

    Unless ``whole``, its arguments may be missing: the line only mentions the command.
    """
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", MAKEFILE.read_text(), re.MULTILINE)
        assert all(word in targets or "=" in word for word in words[1:]), words
        return
    command, rest = ROOT, words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"m2fp has no command {rest[0]!r}: {words}"
        command, rest = command.commands[rest[0]], rest[1:]
    if not hasattr(command, "commands") and "--help" not in rest:
        try:
            check_values(command.make_context(command.name, rest).params)
        except Exception as error:
            if whole or type(error).__name__ != "MissingParameter":
                raise


def check_values(values: dict[str, Any]) -> None:
    """What the command line's library takes as mere text."""
    names = list_accessories()
    for kind in KIND_NAMES:
        worn = values.get(kind) or "#000000"
        known = worn in getattr(kind_of(kind), "names", ()) or names.get(worn) == kind
        assert worn.startswith("#") or worn.endswith((".png", "/")) or known, worn
    if "save" in values:
        parse_save(values["save"])
