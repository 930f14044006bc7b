"""What all commands share: a look at their words, and help with groups and examples.

Typer's own grouped help needs rich's markup, which takes 0.4 s to import; this one is plain text.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand, TyperGroup

from m2fp_cli.commands.shells import read_shell
from m2fp_cli.errors import M2fpError, UsageError
from m2fp_cli.home import home_folder
from m2fp_cli.storage.remote.address import names_no_bucket, only_here, parse_address
from m2fp_cli.terminal import displayable

INPUT = "Input and output"
WEAR = "What to wear"
MEASURE = "What to measure"
CONTENT = "What to write"
MASK = "Masks"
SPEED = "Speed"
FAILURES = "Failures and repeats"
ACCESS = "Access"
MESSAGES = "Messages"
_STORE = "s3://"  # in the help of every argument and option that takes places in object stores
_PYDANTICS_OWN = "Value error, "  # typer 0.29 asks pydantic, which begins its messages so
_PYDANTICS_INPUT = "Input should be "  # and so; but INPUT is what our commands call their photos
_NAMES = frozenset(("-o", "--output", "--photos", "-m", "--model"))  # what no value may leave empty
PANELS = (INPUT, WEAR, MEASURE, CONTENT, MASK, SPEED, FAILURES, ACCESS, MESSAGES)


class HelpCommand(TyperCommand):
    """A command whose help has its options in groups and its epilog, the examples, as it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the command line.

        Raises:
            BadParameter: a value does not fit its option.
            UsageError: a place is empty; or an address in an object store has no bucket, or stands
                where folders and files only are taken.
        """
        _refuse_empty_places(self.get_params(ctx), args)
        args = [_at_home(word) for word in args]
        for word in args:
            value = _value_in(word)
            if names_no_bucket(value):
                raise UsageError(f"{displayable(value)} names no bucket: s3://BUCKET/FOLDER")
        try:
            parsed: list[str] = super().parse_args(ctx, args)
        except BadParameter as error:
            error.message = _in_our_words(error)
            raise
        for parameter in self.get_params(ctx):
            if _STORE not in (getattr(parameter, "help", None) or ""):
                _refuse_addresses(ctx, parameter)
        return parsed

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``[OPTIONS]`` and the arguments, in brackets where they may be left out."""
        return ["[OPTIONS]", *(_usage_of(one) for one in self.get_params(ctx) if _is_argument(one))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the options of each group; ``--help`` is a message."""
        arguments: list[tuple[str, str]] = []
        groups: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if _is_argument(parameter):
                arguments.append((_name_of(parameter), record[1]))
            else:
                groups[getattr(parameter, "rich_help_panel", None) or MESSAGES].append(record)
        for title, records in (("Arguments", arguments), *groups.items()):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, a line each."""
        _write_examples(self.epilog, formatter)


def _in_our_words(error: BadParameter) -> str:
    """What a value must be, and what was given, as our own messages say it."""
    message = error.message.removeprefix(_PYDANTICS_OWN)
    details = getattr(error.__cause__, "errors", None)
    if details is None or not message.startswith(_PYDANTICS_INPUT):
        return message
    wanted = message.removeprefix(_PYDANTICS_INPUT).partition(", unable to")[0]
    return f"must be {wanted}, got {details()[0]['input']!r}"


def _value_in(word: str) -> str:
    """What may be a place in a word of the command line."""
    return word.partition("=")[2] if word.startswith("--") else word


def _at_home(word: str) -> str:
    """A word with the home folder for its ``~``, which shells leave behind ``=`` and in quotes.

    As a path it would make a folder that is called ``~``. One that is there already is meant.
    """
    value, home = _value_in(word), home_folder()
    if not value.startswith("~/") or home is None or Path("~").exists():
        return word
    return f"{word.removesuffix(value)}{home}{value[1:]}"


def _refuse_empty_places(parameters: Sequence[Any], args: Sequence[str]) -> None:
    """Refuse an empty argument and an empty value of the options in ``_NAMES``.

    As a path it would be the current folder, as a model the default, which has another license
    than the one that was meant. Other options may be empty, such as `--prefix`.
    """
    valued = {n for one in parameters if not getattr(one, "is_flag", True) for n in one.opts}
    for before, word in itertools.pairwise(("", *args)):
        is_empty_value = word.endswith("=") and word[:-1] in _NAMES
        if is_empty_value or (not word and before not in valued - _NAMES):
            raise UsageError("a name on the command line is empty; is a variable not set?")


def _refuse_addresses(ctx: Any, parameter: Any) -> None:
    """Refuse places in object stores as values of an argument or option that takes none."""
    given = ctx.params.get(parameter.name)
    for value in given if isinstance(given, list | tuple) else (given,):
        if isinstance(value, str | PurePath) and parse_address(value) is not None:
            what = _command_of(ctx) if _is_argument(parameter) else parameter.opts[0]
            raise UsageError(only_here(value, what))


def _command_of(ctx: Any) -> str:
    """The words of a command, however the program was started."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(("m2fp", *words))


class HelpGroup(TyperGroup):
    """A group of commands whose epilog, the examples, is written as it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words before a command, and a shell's name after an option of completion.

        Raises:
            UsageError: a word follows such an option that names no shell.
        """
        read_shell(ctx, args)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Typer would end on ``EOFError`` with "Aborted!", whatever it came from."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise M2fpError(f"a process or a file ended too early ({error!r})") from error

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, a line each."""
        _write_examples(self.epilog, formatter)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _name_of(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage_of(argument: Any) -> str:
    name = _name_of(argument)
    return f"{name if argument.required else f'[{name}]'}{'' if argument.nargs == 1 else '...'}"


def _write_examples(epilog: str | None, formatter: Any) -> None:
    if epilog:
        with formatter.section("Examples"):
            for line in epilog.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
