"""Whole numbers that people write."""

from __future__ import annotations


def read_whole(text: str, most: int) -> int | None:
    """A number of decimal digits alone.

    Args:
        text: what was written; may be longer than Python takes apart in bounded time.
        most: largest number that is meant.

    Returns:
        0 to ``most``, or None if the text is anything else.
    """
    digits = text.lstrip("0") or text[-1:]
    number = int(digits) if text.isdecimal() and len(digits) <= len(str(most)) else -1
    return number if 0 <= number <= most else None
