"""What counts as old clothes, and which skin goes with them, for each kind of garment put on."""

from __future__ import annotations

from dataclasses import dataclass

from m2fp_cli.errors import UsageError

# Names of CIHP, LIP and ATR; a label set that lacks one simply has no such pixels.
_TOPS = ("UpperClothes", "Coat", "Dress", "Jumpsuits")
_BOTTOMS = ("Pants", "Skirt", "Dress", "Jumpsuits", "Belt")
_ARMS = ("Left-arm", "Right-arm")
_LEGS = ("Left-leg", "Right-leg")
_CHEST = ("Torso-skin",)

SHOES = ("Left-shoe", "Right-shoe")
"""Kept, but for the shaft of a boot where the leg is painted.

No mask touches face, glasses, gloves, bags, hands, feet and other people either; hair and hats only
along the edge of the old clothes.
"""

BEHIND_A_HEM = (*_LEGS, "Socks")
"""What is kept where it is not near the hem of the old clothes."""


@dataclass(frozen=True)
class Category:
    """A kind of garment that is to be put on.

    Attributes:
        clothes: labels that must be covered entirely, since they show what was worn.
        skin: labels that are painted anew, since the new garment may end elsewhere: skin, and the
            scarf or stockings in its place, which networks confuse with a collar or with leggings.
        kept: labels that stay as they are, beside the head, hands, feet and shoes.
        beside: the person's other clothes; a rule may reach into them.
        instead: category that is meant where a person wears next to none of ``clothes``; or empty.
        least: share of a person from which on that counts as worn: a shirt may show between lapels,
            less of a coat is a fault of the parse, such as a cuff.
    """

    clothes: tuple[str, ...]
    skin: tuple[str, ...]
    kept: tuple[str, ...]
    beside: tuple[str, ...]
    instead: str = ""
    least: float = 0.0


CATEGORIES = {
    "upper": Category(
        _TOPS, (*_ARMS, *_CHEST, "Scarf"), (*_LEGS, "Socks"), ("Pants", "Skirt", "Belt")
    ),
    "lower": Category(
        _BOTTOMS, (*_LEGS, "Socks"), (*_ARMS, *_CHEST, "Scarf"), ("UpperClothes", "Coat")
    ),
    "dress": Category(
        (*_TOPS, *_BOTTOMS), (*_ARMS, *_CHEST, *_LEGS, "Socks", "Scarf"), (), ()
    ),
    "inner": Category(
        ("UpperClothes", "Dress", "Jumpsuits"), _CHEST,
        (*_ARMS, *_LEGS, "Socks", "Scarf", "Coat"), ("Pants", "Skirt", "Belt"), "upper", 0.002,
    ),
    "outer": Category(
        ("Coat",), _ARMS, (*_LEGS, "Socks", "Scarf"),
        ("UpperClothes", "Dress", "Pants", "Skirt", "Belt", "Torso-skin"), "upper", 0.05,
    ),
    "full": Category(
        (*_TOPS, *_BOTTOMS, "Scarf", "Socks"), (*_ARMS, *_CHEST, *_LEGS), (), ()
    ),
}  # fmt: skip
"""By the name that ``--category`` takes."""


def find_category(name: str) -> Category:
    """The category of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in CATEGORIES:
        raise UsageError(f"--category takes one of {', '.join(CATEGORIES)}, got {name!r}")
    return CATEGORIES[name]
