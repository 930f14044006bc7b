"""What pictures of try-on show, as the records beside them say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2fp_cli.errors import NoInputError, UsageError
from m2fp_cli.jsonio import parse_object, read_bounded, text_of
from m2fp_cli.layout import PICTURE_SUFFIXES
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.records import items_of

_MAX_RECORD = 1 << 28  # bytes


@dataclass(frozen=True)
class TriedLook:
    """What was put on in one picture.

    Attributes:
        items: kind and name of each item, each once.
        picture: absolute path.
    """

    items: tuple[tuple[str, str], ...]
    picture: Path


def read_tried(path: Path) -> list[TriedLook]:
    """What was put on in a picture that try-on made, or in all variants of a folder.

    Args:
        path: a picture in ``tryon/`` or ``variants/``, or a photo's folder in ``variants/``.

    Returns:
        looks; pictures in which nothing was put on are left out.

    Raises:
        NoInputError: nothing is there, or it cannot be read.
        UsageError: try-on has left no record there.
    """
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise NoInputError(
            f"{displayable(path)} cannot be read ({error.strerror}); name a picture of m2fp tryon"
        ) from error
    if is_folder:
        found = [_read_variant(record) for record in sorted(path.glob("*.json"))]
        tried = [looks for looks in found if looks is not None]
        if tried:
            return [look for looks in tried for look in looks]
    record = path.parent / f"{path.stem}.json"
    document = _read_record(record) if path.suffix in PICTURE_SUFFIXES else None
    if document is None and not path.exists():
        raise NoInputError(f"{displayable(path)} is not there; name a picture of m2fp tryon")
    if document is None:
        raise UsageError(
            f"{displayable(path)}: has no record of m2fp tryon; name a picture in tryon/ or "
            "variants/ of its output, or a photo's folder in variants/"
        )
    try:
        return _tried(document, path)
    except ValueError as error:
        raise _no_record(record) from error


def _read_variant(record: Path) -> list[TriedLook] | None:
    """What one of a photo's variants shows; None if the file is something else."""
    document = _read_record(record)
    if document is None or "picture" not in document:
        return None
    try:
        name = text_of(document, "picture")
        if not name or "/" in name:
            raise ValueError("a picture is not beside its record")
        return _tried(document, record.parent / name)
    except ValueError as error:
        raise _no_record(record) from error


def _read_record(path: Path) -> dict[str, Any] | None:
    """A document; None if there is none."""
    try:
        return parse_object(read_bounded(path, most_bytes=_MAX_RECORD))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _no_record(path) from error


def _no_record(path: Path) -> UsageError:
    return UsageError(f"{displayable(path)}: is not a record of m2fp tryon; try on again")


def _tried(document: dict[str, Any], picture: Path) -> list[TriedLook]:
    placed = [one for one in items_of(document) if one.get("placed") is True]
    items = dict.fromkeys((text_of(one, "kind"), text_of(one, "name")) for one in placed)
    return [TriedLook(tuple(items), picture.absolute())] if items else []
