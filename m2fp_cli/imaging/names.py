"""File names as text that is safe to print."""

from __future__ import annotations

import os


def displayable(path: str | os.PathLike[str]) -> str:
    r"""A path as one line of valid Unicode, for messages and logs only.

    Bytes that are not UTF-8 become U+FFFD. Characters that would move the cursor, colour the
    terminal or reverse the reading direction become escapes (``\n``, ``\x1b``, ``\u202e``). Square
    brackets stay as they are, so switch off rich's markup when you print the text through it.

    Args:
        path: any path, also one with ``surrogateescape`` characters.

    Returns:
        Text without control characters; not a path to open.
    """
    return "".join(_shown(character) for character in os.fspath(path))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if "\ud800" <= character <= "\udfff":
        return "\N{REPLACEMENT CHARACTER}"
    return character.encode("unicode_escape").decode("ascii")
