"""Looks from a TOML file, or from options.

::

    seed = 7                            # another number, another choice

    [everyone]
    hat = ["beanie", "hats/green.png"]  # one of them for each person
    top = "#7a1f3d"

    [largest]                           # the largest person of a photo
    glasses = "round"

    [person.2]                          # person 2 of a photo
    hat = "none"

Paths start in the folder of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli

from m2fp_cli.errors import UsageError
from m2fp_cli.home import expand_home
from m2fp_cli.jsonio import read_bounded
from m2fp_cli.layout import ANCHORS_END, IMAGE_SUFFIXES
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.catalog import is_name
from m2fp_cli.tryon.kinds import KIND_NAMES
from m2fp_cli.tryon.look import NOTHING, Look, Table, Wish, items_by_name

_KEYS = ("seed", "everyone", "largest", "person")
_MAX_BYTES = 1 << 20  # of a look's file
_MAX_SEED = (1 << 63) - 1  # TOML's largest whole number
_MAX_ITEMS = 10_000  # of a list or folder
_PERSON_ID = re.compile("[1-9][0-9]{0,8}")
_TAKES = "a file, a folder, a name or a color in quotes, or a list of these"


def look_of_options(worn: Mapping[str, str]) -> Look:
    """A look in which everyone wears what options say.

    Args:
        worn: by kind, what the option got.

    Raises:
        UsageError: a folder has no pictures.
    """
    return Look({kind: _wish(text, kind, Path(), f"--{kind}") for kind, text in worn.items()})


def read_look(path: Path) -> Look:
    """Read a look; paths in it start in its own folder.

    Args:
        path: a TOML file.

    Raises:
        UsageError: it is missing, not TOML, has a key that there is not, or a value of a wrong
            type. Whether the items can be worn is not looked at.
    """
    shown = displayable(path)
    document = _read_toml(path)
    unknown = next((key for key in document if key not in _KEYS), None)
    if unknown in KIND_NAMES:
        raise UsageError(
            f"{shown}: {unknown} is in no table; put it below [everyone], [largest] or [person.1]"
        )
    if unknown is not None:
        raise UsageError(f"{shown}: there is no key {unknown!r}; keys are {', '.join(_KEYS)}")
    seed = document.get("seed", 0)
    if type(seed) is not int or not 0 <= seed <= _MAX_SEED:
        raise UsageError(f"{shown}: seed must be a whole number from 0 on, got {_short(seed)!r}")
    tables = {name: _table(path, name, document.get(name, {})) for name in ("everyone", "largest")}
    look = Look(**tables, people=_people(path, document.get("person", {})), seed=seed)
    if not look.items():
        raise UsageError(f'{shown}: nothing to wear; add [everyone] and below it hat = "fedora"')
    return look


def _read_toml(path: Path) -> dict[str, Any]:
    shown = displayable(path)
    try:
        data = read_bounded(path, most_bytes=_MAX_BYTES)
    except FileNotFoundError as error:
        raise UsageError(f"{shown}: there is no such file; --look takes a TOML file") from error
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read ({error.strerror}); check --look") from error
    except ValueError as error:
        raise UsageError(f"{shown}: {error}; --look takes a TOML file") from error
    try:
        return tomli.loads(data.decode("utf-8-sig"))  # editors of Windows write a mark first
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: is not text in UTF-8; save it as such") from error
    except tomli.TOMLDecodeError as error:
        raise UsageError(f"{shown}: is not valid TOML; {error}") from error
    except RecursionError as error:
        raise UsageError(f"{shown}: is nested too deeply; a look has two levels") from error
    except ValueError as error:  # of int(), which takes a bounded number of digits
        raise UsageError(f"{shown}: holds a number that is too long; make it shorter") from error


def _short(value: Any) -> str:
    """A value for a message; a number may be too long for Python to write it."""
    try:
        return str(value)[:40]
    except ValueError:
        return "a very long number"


def _people(path: Path, value: Any) -> dict[int, Table]:
    """The tables of single people."""
    if not isinstance(value, dict):
        raise UsageError(f"{displayable(path)}: person must be a table for each id; as [person.1]")
    found = {}
    for key, table in value.items():
        if not _PERSON_ID.fullmatch(key):
            raise UsageError(
                f"{displayable(path)}: person takes ids from 1 on, as [person.1]; got {key[:40]!r}"
            )
        found[int(key)] = _table(path, f"person.{key}", table)
    return found


def _table(path: Path, name: str, value: Any) -> Table:
    """The wishes of one table."""
    shown = f"{displayable(path)}: {name}"
    if not isinstance(value, dict):
        raise UsageError(f"{shown} must be a table; write [{name}] on a line of its own")
    unknown = next((key for key in value if key not in KIND_NAMES), None)
    if unknown is not None:
        raise UsageError(f"{shown}: there is no {unknown!r}; kinds are {', '.join(KIND_NAMES)}")
    return {kind: _wish(one, kind, path.parent, f"{shown}.{kind}") for kind, one in value.items()}


def _wish(value: Any, kind: str, folder: Path, where: str) -> Wish:
    """A wish from what was written."""
    texts = [value] if isinstance(value, str) else value
    are_texts = isinstance(texts, list) and all(isinstance(one, str) for one in texts)
    if not are_texts or len(texts) > _MAX_ITEMS:
        raise UsageError(f"{where} must be {_TAKES}, got {_short(value)!r}")
    if not texts:
        raise UsageError(f'{where} is an empty list; name what is worn, or write "{NOTHING}"')
    is_list, items = texts is value, list[str]()
    for text in texts:
        try:
            inside = _folder_of(text, kind, folder)
            items += [_item(text, kind, folder)] if inside is None else _pictures_in(inside, where)
        except OSError as error:  # too long for a path, or not ours to look at
            shown = displayable(text[:40])
            raise UsageError(f"{where}: {shown}: {error.strerror}; name something else") from error
        is_list |= inside is not None
    return Wish(tuple(items_by_name(items).values()), is_list, where)


def _folder_of(text: str, kind: str, folder: Path) -> Path | None:
    """The folder that a text names, unless it is the name of something to wear."""
    path = folder / expand_home(text)
    named = text == NOTHING or is_name(text, kind)
    return path if text and not named and path.is_dir() else None


def _pictures_in(folder: Path, where: str) -> tuple[str, ...]:
    """The pictures of a folder, by name, without those that were drawn to check another one."""
    paths = sorted(path for path in folder.absolute().iterdir() if not path.name.startswith("."))
    found = [one for one in paths if one.suffix.lower() in IMAGE_SUFFIXES]
    drawn = {f"{one.stem}{ANCHORS_END}" for one in found}
    pictures = [str(one) for one in found if one.name not in drawn]
    if not pictures or len(pictures) > _MAX_ITEMS:
        many = f"more than {_MAX_ITEMS}" if pictures else "no"
        raise UsageError(f"{where}: {displayable(folder)} has {many} pictures; name another folder")
    return tuple(pictures)


def _item(text: str, kind: str, folder: Path) -> str:
    """A file by its absolute path, since workers may run elsewhere; a name or color in small."""
    path, small = folder / expand_home(text), text.lower()
    if path.is_file():
        return str(path.absolute())
    return small if small.startswith("#") or is_name(small, kind) else text
