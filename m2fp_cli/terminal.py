"""The one door through which text for people reaches the terminal.

Names of files, labels of models, messages in manifests and results may hold control sequences that
clear the screen, change its title or answer for the user. They become visible escapes here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO


def say(text: str, *, stream: TextIO | None = None) -> None:
    """Print lines for people.

    Args:
        text: one line or several.
        stream: standard output if None.
    """
    shown = "\n".join(displayable(line) for line in text.split("\n"))
    stream = stream or sys.stdout
    print(_in_encoding_of(stream, shown), file=stream, flush=True)


def say_row(cells: Iterable[str]) -> None:
    """Print one row of a table for programs on standard output: tabs between its cells."""
    row = "\t".join(displayable(cell) for cell in cells)
    sys.stdout.write(f"{_in_encoding_of(sys.stdout, row)}\n")
    sys.stdout.flush()


def say_pieces(pieces: Iterable[str]) -> None:
    """Print one line, which may be too long for the memory, on standard output."""
    for piece in pieces:
        sys.stdout.write(_in_encoding_of(sys.stdout, displayable(piece)))
    sys.stdout.write("\n")
    sys.stdout.flush()


def say_lines(lines: Iterable[str]) -> None:
    """Print lines, which may be millions, on standard output."""
    for line in lines:
        sys.stdout.write(f"{_in_encoding_of(sys.stdout, displayable(line))}\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Print lines for people on standard error."""
    say(text, stream=sys.stderr)


def displayable(path: str | os.PathLike[str]) -> str:
    r"""A path, or another text from outside, as one line of valid Unicode; for messages and logs.

    Bytes that are not UTF-8 become U+FFFD. Characters that would move the cursor, color the
    terminal or reverse the reading direction become escapes (``\n``, ``\x1b``, ``\u202e``). Square
    brackets stay as they are, so switch off rich's markup when you print the text through it.

    Args:
        path: any path or text, also one with ``surrogateescape`` characters.

    Returns:
        Text without control characters; not a path to open.
    """
    text = os.fspath(path)
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def counted(count: int, one: str, more: str = "") -> str:
    """A number with its noun: ``1 photo``, ``2 photos``.

    Args:
        count: the number.
        one: the noun for one.
        more: for any other number; empty for ``one`` with an s.
    """
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def _in_encoding_of(stream: TextIO, text: str) -> str:
    """The text with escapes for what a stream cannot hold: a terminal may not be one of UTF-8."""
    if text.isascii():
        return text
    encoding = stream.encoding or "utf-8"  # a StringIO has none
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if "\ud800" <= character <= "\udfff":
        return "\N{REPLACEMENT CHARACTER}"
    return character.encode("unicode_escape").decode("ascii")
