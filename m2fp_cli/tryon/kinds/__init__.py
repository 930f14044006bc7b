"""The kinds of things that can be worn: a file each, and this list.

A new kind is its file here, which defines ``KIND`` (see ``tryon.kind.Kind``), and its line in
``KINDS``. The options of ``m2fp tryon``, the order of dressing, ``m2fp accessories`` and the
records follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m2fp_cli.tryon.kind import BodyKind, HeadKind

_PICTURE = "PNG with transparency, or a name from `m2fp accessories list`"


@dataclass(frozen=True)
class KindLine:
    """A line of the list of kinds, for the command line: it imports nothing heavy.

    Attributes:
        name: of the kind, of its file here, and of its option.
        help: help of its option.
        colored: whether a plain color is enough: what is worn already takes it.
    """

    name: str
    help: str
    colored: bool = False


KINDS = (
    KindLine("hat", f"Hat: a {_PICTURE}."),
    KindLine("hair", "Hair: a color such as #6b3a22, or a name such as copper.", colored=True),
    KindLine("glasses", f"Glasses: a {_PICTURE}."),
    KindLine("earrings", f"Earrings: a {_PICTURE}."),
    KindLine("necklace", f"Necklace: a {_PICTURE}."),
    KindLine(
        "top",
        "Top: a garment's or a fabric's picture, a name, or a color such as #7a1f3d.",
        colored=True,
    ),
    KindLine(
        "bottom",
        "Trousers or skirt: a fabric's picture, a name, or a color such as #20304a.",
        colored=True,
    ),
    KindLine("shoes", "Shoes: a color such as #a01830, or a picture of it.", colored=True),
)
"""In the order of the options. People are dressed in the reverse order, a hat comes last; what
needs no face comes before all that is placed on a head."""

KIND_NAMES = tuple(line.name for line in KINDS)
COLORED_KINDS = tuple(line.name for line in KINDS if line.colored)


def kind_of(name: str) -> HeadKind | BodyKind:
    """The kind of a name.

    Args:
        name: a member of ``KIND_NAMES``.

    Raises:
        KeyError: there is no such kind.
    """
    if name not in KIND_NAMES:
        raise KeyError(name)
    kind: HeadKind | BodyKind = import_module(f"{__name__}.{name}").KIND
    return kind
