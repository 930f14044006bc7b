"""Pictures of fabrics: what tops, trousers and skirts have in common."""

from __future__ import annotations

from collections.abc import Iterable

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.kind import Number, PictureSort
from m2fp_cli.tryon.morphology import bounding_slices
from m2fp_cli.tryon.one_thing import find_seen, shows_one_on_color, shows_one_thing
from m2fp_cli.tryon.outlines import CHAIN, GLASSES, SHOE, Outline
from m2fp_cli.tryon.several_things import shows_several

TILE = Number(2.0, 0.1, 20.0, "width of the fabric's picture on people, U")
FABRIC_STYLE = "fabric"
GARMENT_STYLES = ("garment", "jacket")  # of a picture's JSON: it shows no fabric
SEVERAL = "it shows several things on a plain ground; crop it to one of them"
WORN_ELSEWHERE = (GLASSES, CHAIN, SHOE)  # nobody wants to be told how their sleeves must lie
SMALLEST_TILE = 32  # pixels a side of a fabric's picture


def is_product(picture: Accessory, sort: PictureSort = PictureSort.AUTO) -> bool:
    """Whether a picture shows a product and no fabric, as far as nothing says otherwise.

    Args:
        picture: of either.
        sort: what it is said to be.
    """
    said = sort is PictureSort.FABRIC or picture.style == FABRIC_STYLE
    return not said and (shows_one_thing(picture.bgra) or shows_one_on_color(picture.bgra))


def is_several(picture: Accessory, sort: PictureSort = PictureSort.AUTO) -> bool:
    """Whether a picture shows several products and no fabric; see ``is_product``.

    Args:
        picture: of either.
        sort: what it is said to be.
    """
    said = sort is PictureSort.FABRIC or picture.style == FABRIC_STYLE
    return not said and shows_several(picture.bgra)


class ProductError(UsageError):
    """A picture of a product that would be put on people as a pattern of small ones.

    Attributes:
        bare: the same sentence without options and files, which nobody can give with an upload.
    """

    def __init__(self, message: str, bare: str = "") -> None:
        """Store both sentences."""
        super().__init__(message)
        self.bare = bare or message


def refuse_product(picture: Accessory, why: str, *others: Outline) -> ProductError:
    """The error for a product that would be put on people as a pattern of small ones.

    Args:
        picture: of the product.
        why: it cannot be worn, where it does not look like something else.
        others: what else it may look like, beside what is worn elsewhere in any case.
    """
    other = _find_other(picture, (*WORN_ELSEWHERE, *others))
    if other is not None:
        return ProductError(f"{picture.title}: {other.looks}; {other.advice}")
    bare = (
        f"{picture.title}: shows one thing on a plain ground, {why}; if it is a fabric, crop it to "
        "the cloth"
    )
    option = f'or give --as fabric or "style": "{FABRIC_STYLE}" in {picture.name}.json'
    return ProductError(f"{bare}, {option}", bare)


def _find_other(picture: Accessory, others: Iterable[Outline]) -> Outline | None:
    """What a product surely is, by its outline on a clear or near-white ground."""
    seen = find_seen(picture.bgra)
    around = None if seen is None else bounding_slices(seen)
    if seen is None or around is None:
        return None
    return next((one for one in others if one.fits(seen[around])), None)


def refuse_several(picture: Accessory) -> ProductError:
    """The error for several products side by side.

    Args:
        picture: of them.
    """
    bare = f"{picture.title}: shows several things on a plain ground; crop it to one of them"
    return ProductError(f"{bare}, or give --as fabric if it is cloth", bare)


def find_fabric_faults(picture: Accessory) -> list[str]:
    """What is wrong with a picture as a fabric, in sentences.

    Args:
        picture: of a fabric.
    """
    if is_product(picture):
        return ["it shows one thing on a plain ground, no fabric; crop it to the cloth"]
    if is_several(picture):
        return [SEVERAL]
    if min(picture.bgra.shape[:2]) >= SMALLEST_TILE:
        return []
    return [f"the fabric is smaller than {SMALLEST_TILE} pixels a side"]
