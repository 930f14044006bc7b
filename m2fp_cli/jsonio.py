"""JSON that came from outside: parsed within bounds, its values checked before they are used.

Every function raises ``ValueError`` with a phrase that fits behind the file's name.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

MAX_BYTES = 1 << 24  # of a file that people write
_BLANKS = " \t\n\r"  # of JSON
_NUMBER = (int, float)  # int | float would be made anew for each value
Read = TypeVar("Read")


def read_json(path: Path, *, most_bytes: int = MAX_BYTES) -> Any:
    """Parse a file, which may be anything that has this name; never waits for a pipe or a device.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, too large, or as ``parse_json``.
    """
    return parse_json(read_bounded(path, most_bytes=most_bytes))


def read_bounded(path: Path, *, most_bytes: int = MAX_BYTES, pipes: bool = False) -> bytes:
    """The bytes of a file that people write.

    Args:
        path: of the file.
        most_bytes: the largest file.
        pipes: take what is no regular file, too, and wait for it: a shell's ``<(...)`` is a pipe.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or too large.
    """
    flags = os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags if pipes else flags | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not (pipes or stat.S_ISREG(os.fstat(descriptor).st_mode)):
            raise ValueError("is not a regular file")
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"is larger than {most_bytes >> 20} MB")
    return data


def parse_json(data: bytes | str) -> Any:
    """Parse a document.

    NaN and infinity, which JSON does not have, are refused, and names that are there twice.

    Raises:
        ValueError: it is not valid JSON, or nested too deeply.
    """
    try:
        return _parse(data if isinstance(data, str) else _as_text(data))
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not valid JSON ({error})") from error


def parse_object(data: bytes | str) -> dict[str, Any]:
    """Parse a document that must be an object.

    Raises:
        ValueError: it is not valid JSON, or something else than an object.
    """
    document = parse_json(data)
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")
    return document


def text_of(document: Mapping[str, Any], key: str, *, most: int = 4096) -> str:
    """A text of at most so many characters."""
    value = document.get(key)
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f'"{key}" must be a text of at most {most} characters')
    return value


def texts_of(document: Mapping[str, Any], keys: Sequence[str], *, most: int = 4096) -> list[str]:
    """Several texts as ``text_of`` takes each, in a third of the time; at least one key."""
    values: list[Any] = [*map(document.get, keys)]
    if {*map(type, values)} == {str} and max(map(len, values)) <= most:
        return values
    return [text_of(document, key, most=most) for key in keys]


def whole_of(document: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """A whole number within bounds, both included."""
    value = document.get(key)
    if type(value) is not int or not low <= value <= high:  # bool is an int, too
        raise ValueError(f'"{key}" must be a whole number from {low} to {high}')
    return value


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether a value is a whole number within bounds, both included."""
    return type(value) is int and low <= value <= high


def number_of(document: Mapping[str, Any], key: str, low: float, high: float) -> float:
    """A finite number within bounds, both included."""
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, _NUMBER):
        raise ValueError(f'"{key}" must be a number')
    if not (low <= value <= high and math.isfinite(value)):
        raise ValueError(f'"{key}" must be a number from {low:g} to {high:g}')
    return float(value)


def numbers_of(
    document: Mapping[str, Any], keys: Sequence[str], low: float, high: float
) -> list[float]:
    """Several numbers as ``number_of`` takes each, in a third of the time; at least one key."""
    values: list[Any] = [*map(document.get, keys)]
    are_floats = {*map(type, values)} == {float} and math.isfinite(sum(values))
    if are_floats and low <= min(values) and max(values) <= high:
        return values
    return [number_of(document, key, low, high) for key in keys]


def list_of(document: Mapping[str, Any], key: str, *, most: int) -> list[Any]:
    """A list of at most so many items."""
    value = document.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f'"{key}" must be a list of at most {most} items')
    return value


def object_of(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside an object."""
    value = document.get(key)
    if not isinstance(value, dict):
        raise ValueError(f'"{key}" must be an object')
    return value


def objects_of(document: Mapping[str, Any], key: str, *, most: int) -> list[dict[str, Any]]:
    """A list of at most so many objects."""
    items = list_of(document, key, most=most)
    if not all(isinstance(item, dict) for item in items):
        raise ValueError(f'"{key}" must hold objects')
    return items


class PlacedError(ValueError):
    """A wrong value, and where in its document it is, such as ``people[0].face``."""

    def __init__(self, place: str, reason: str) -> None:
        """Say both."""
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


def placed(place: str, error: ValueError) -> PlacedError:
    """An error with the place of the object that it is about in front of its own."""
    if isinstance(error, PlacedError):
        return PlacedError(f"{place}.{error.place}", error.reason)
    return PlacedError(place, str(error))


def read_inside(
    document: Mapping[str, Any], key: str, read: Callable[[dict[str, Any]], Read]
) -> Read:
    """What a function makes of an object inside an object; its errors say where they are.

    Raises:
        ValueError: it is no object, or what ``read`` raises.
    """
    value = object_of(document, key)
    try:
        return read(value)
    except ValueError as error:
        raise placed(key, error) from error


def read_each(
    document: Mapping[str, Any], key: str, read: Callable[[Any], Read], *, most: int
) -> list[Read]:
    """What a function makes of each item of a list; its errors say where they are.

    Raises:
        ValueError: it is no list of at most so many items, or what ``read`` raises.
    """
    items, found = list_of(document, key, most=most), []
    index = 0
    try:
        for index, item in enumerate(items):  # noqa: B007 - which one it was
            found.append(read(item))
    except ValueError as error:
        raise placed(f"{key}[{index}]", error) from error
    return found


def _parse(text: str) -> Any:
    """As the decoder does it, without its searches for blanks, which take as long as a line."""
    if text[:1] in _BLANKS:
        return _DECODER.decode(text)
    document, end = _DECODER.raw_decode(text)
    if text[end:].strip(_BLANKS):
        raise json.JSONDecodeError("Extra data", text, end)
    return document


def _as_text(data: bytes) -> str:
    """The text of a document, as ``json.loads`` finds it."""
    return data.decode(json.detect_encoding(data), "surrogatepass")


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


# Made once: ``json.loads`` would make one for each line of a manifest, in half the line's time.
_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_names
)
