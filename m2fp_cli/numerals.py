"""Numbers that people write, in words or in programs."""

from __future__ import annotations

from numbers import Integral, Real


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


def require_share(value: object, name: str) -> None:
    """Check a number that a program gives, from 0 to 1.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN, or out of these bounds.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number from 0 to 1, got {type(value).__name__}")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value}")


def require_count(value: object, name: str) -> None:
    """Check a number of things that a program gives, at least 1.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than 1.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}")
    if int(value) < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
