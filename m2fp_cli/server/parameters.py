"""Query parameters and form fields: read strictly, so that a typing error is not a silent default.

No parameter names a file or an address, anywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.messages import Worn
from m2fp_cli.server.problem import Problem
from m2fp_cli.tryon.kinds import KIND_NAMES

_MOST_LABELS = 64
_MOST_PEOPLE = 100
_NUMBER = re.compile(r"[1-9]\d{0,4}")
_KIND_FIELD = re.compile(r"(?P<kind>[a-z]+)(?:\.(?P<person>[1-9]\d{0,4}))?")


class Parameters:
    """Named texts of one request, each at most once."""

    def __init__(self, pairs: Iterable[tuple[str, str]], known: Iterable[str]) -> None:
        """Take what is known.

        Args:
            pairs: names and values.
            known: names that there are, and ``*`` for kinds of accessories.

        Raises:
            Problem: 400, a name is unknown or given twice.
        """
        self._values: dict[str, str] = {}
        names = tuple(known)
        for name, value in pairs:
            if name not in names and not ("*" in names and kind_field(name)):
                listed = ", ".join((*(n for n in names if n != "*"), *_kinds_if("*" in names)))
                raise _bad(f"there is no parameter {name[:40]!r}; take {listed}")
            if name in self._values:
                raise _bad(f"{name}: is given twice")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """A value; None if it is not given."""
        return self._values.get(name)

    def labels(self) -> tuple[str, ...] | None:
        """Names of labels with commas between them; None for all.

        Raises:
            Problem: 400, there are none, or far too many.
        """
        text = self.text("labels")
        if text is None:
            return None
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        if not 0 < len(names) <= _MOST_LABELS:
            raise _bad("labels: take names with commas between them, such as hair,face")
        return tuple(name[: bounds.FIELD_BYTES] for name in names)

    def by(self) -> str:
        """What a color stands for.

        Raises:
            Problem: 400, neither label nor person.
        """
        text = self.text("by") or "label"
        if text not in ("label", "person"):
            raise _bad("by: take label or person")
        return text

    def min_score(self) -> float | None:
        """Lowest score; None if it is not given.

        Raises:
            Problem: 400, no number from 0 to 1.
        """
        text = self.text("min_score")
        if text is None:
            return None
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if not 0 <= score <= 1:
            raise _bad("min_score: take a number from 0 to 1")
        return score

    def people(self) -> str | tuple[int, ...]:
        """Who is meant.

        Raises:
            Problem: 400, neither all nor largest nor ids.
        """
        text = self.text("people") or "all"
        if text in ("all", "largest"):
            return text
        numbers = [part.strip() for part in text.split(",")]
        if len(numbers) > _MOST_PEOPLE or not all(map(_NUMBER.fullmatch, numbers)):
            raise _bad("people: take all, largest or ids such as 1,3")
        return tuple(int(number) for number in numbers)

    def worn(self) -> list[Worn]:
        """What is to be worn, by name or color."""
        found = []
        for name, value in self._values.items():
            field = kind_field(name)
            if field is not None and value:
                found.append(Worn(field[0], value, field[1]))
        return found


def kind_field(name: str) -> tuple[str, int | None] | None:
    """Kind and person of a field such as ``hat`` or ``hat.2``; None if it is none."""
    found = _KIND_FIELD.fullmatch(name)
    if found is None or found["kind"] not in KIND_NAMES:
        return None
    return found["kind"], None if found["person"] is None else int(found["person"])


def _kinds_if(wanted: bool) -> tuple[str, ...]:
    return (*KIND_NAMES, f"{KIND_NAMES[0]}.1 for person 1 alone") if wanted else ()


def _bad(sentence: str) -> Problem:
    return Problem(400, "bad_parameter", sentence)
