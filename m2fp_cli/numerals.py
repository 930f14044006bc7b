"""Numbers that people write, in words or in programs, and colors, which are three of them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real

_HEX_DIGITS = "0123456789abcdefABCDEF"  # Python's int takes those of other scripts, too


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


def read_color(text: str) -> tuple[int, int, int] | None:
    """A color as ``#rrggbb``.

    Returns:
        red, green and blue, 0 to 255 each, or None if the text is anything else.
    """
    digits = text[1:]
    if len(text) != 7 or text[0] != "#" or any(c not in _HEX_DIGITS for c in digits):
        return None
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return red, green, blue


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


def require_count(value: object, name: str, *, most: int | None = None) -> None:
    """Check a number of things that a program gives, at least 1.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than 1, or more than ``most``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}")
    if int(value) < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    if most is not None and int(value) > most:
        raise ValueError(f"{name} must be at most {most}, got {value}")


def require_truth(value: object, name: str) -> None:
    """Check an answer of yes or no that a program gives; a text such as "no" would count as yes.

    Raises:
        TypeError: it is neither True nor False, of Python or NumPy.
    """
    if type(value).__name__ not in ("bool", "bool_"):  # NumPy is not imported for --help
        raise TypeError(f"{name} must be True or False, got {value!r:.60}")


def require_hw(value: object, name: str) -> tuple[int, int]:
    """The height and width that a program gives, each a whole number of at least 1.

    Raises:
        TypeError: it is no pair of whole numbers.
        ValueError: it has more or fewer numbers, or one is less than 1.
    """
    numbers: tuple[object, ...] = tuple(value) if isinstance(value, Iterable) else ()
    if not numbers or any(isinstance(n, bool) or not isinstance(n, Integral) for n in numbers):
        raise TypeError(f"{name} must be height and width, two whole numbers, got {value!r:.60}")
    whole = [int(n) for n in numbers if isinstance(n, Integral)]
    if len(whole) != 2 or min(whole) < 1:
        raise ValueError(f"{name} must be height and width, each at least 1, got {value!r:.60}")
    return whole[0], whole[1]


def require_seconds(value: object, name: str) -> None:
    """Check a time that a program gives.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN, zero or negative.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number of seconds, got {type(value).__name__}")
    if not float(value) > 0:
        raise ValueError(f"{name} must be more than 0 seconds, got {value}")


def require_one_of(value: object, known: tuple[str, ...], name: str) -> None:
    """Check a word that a program gives.

    Raises:
        ValueError: it is none of the known ones.
    """
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r:.60}")


def require_texts(value: object, name: str, such_as: str) -> tuple[str, ...]:
    """The texts that a program gives; a single one would be taken letter by letter.

    Raises:
        TypeError: it is one text, or not texts.
    """
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        texts = tuple(value)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise TypeError(f"{name} must be several texts, such as {such_as}, got {value!r:.60}")
