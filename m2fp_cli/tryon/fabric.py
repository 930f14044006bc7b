"""Pictures of fabrics: what tops, trousers and skirts have in common."""

from __future__ import annotations

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.kind import Number

TILE = Number(2.0, 0.1, 20.0, "width of the fabric's picture on people, U")
GARMENT_STYLES = ("garment", "jacket")  # of a picture's JSON: it shows no fabric
SMALLEST_TILE = 32  # pixels a side of a fabric's picture


def find_fabric_faults(picture: Accessory) -> list[str]:
    """What is wrong with a picture as a fabric, in sentences.

    Args:
        picture: of a fabric.
    """
    if min(picture.bgra.shape[:2]) >= SMALLEST_TILE:
        return []
    return [f"the fabric is smaller than {SMALLEST_TILE} pixels a side"]
