"""What is wrong with a picture of an accessory, and where its anchors are."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA, Accessory, content_box
from m2fp_cli.tryon.cut_out import find_other
from m2fp_cli.tryon.kind import BodyKind, HeadKind
from m2fp_cli.tryon.kinds import kind_of
from m2fp_cli.tryon.paper_rectangle import is_on_paper

SOLID = 247  # of 255: from which a pixel is solid
MAX_BORDER = 0.05  # share of the picture's border that may be visible content
MIN_EDGE = 0.5  # of half-transparent pixels, times the square root of the number of solid ones
ANCHOR_MARGIN = 0.15  # that an anchor may lie outside the content, share of its longer side
MIN_APART = 8  # between a left and a right anchor, pixels

# How anchors are drawn. So many of a thing would go along the picture's longer side.
CELLS, ARMS, LINES, LETTERS = 64, 60, 400, 1600  # of the ground, of a cross, font scale
CHECKER_LEVELS = (200, 228)
CROSS_BGR, HALO_BGR = (40, 40, 220), (255, 255, 255)
NAME_SHARE = 0.75  # of the width, right of which no name begins


def find_faults(item: Accessory) -> list[str]:
    """What will look wrong on a person, in sentences; empty if nothing will.

    Args:
        item: a picture, read as one of the kinds.
    """
    kind = kind_of(item.kind)
    if not isinstance(kind, BodyKind):
        return _cutout_faults(item, kind)
    return [] if kind.find_faults is None else kind.find_faults(item)


def _cutout_faults(item: Accessory, kind: HeadKind) -> list[str]:
    """What is wrong with a picture that must be cut out and have anchors."""
    faults = []
    alpha = item.bgra[..., 3]
    x0, y0, x1, y1 = content_box(item.bgra)
    if not item.is_cut_out:
        faults.append("it has no transparency; cut the accessory out of its background")
    elif is_on_paper(item.bgra):
        faults.append("it shows the paper around the accessory; cut the accessory out of it")
    elif (other := find_other(item)) is not None:
        faults.append(f"it {other.looks}; {other.advice}")
    if max(x1 - x0, y1 - y0) < kind.min_side:
        faults.append(f"what is visible is only {x1 - x0} x {y1 - y0} pixels; it will be blurred")
    border = np.concatenate((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    if (border > VISIBLE_ALPHA).mean() > MAX_BORDER:
        faults.append("it touches the edge of its picture and may be cut off")
    edge = (alpha > VISIBLE_ALPHA) & (alpha < SOLID)
    solid = alpha >= SOLID
    if solid.any() and edge.sum() < MIN_EDGE * np.sqrt(solid.sum()):
        faults.append("its edge is hard; export it with smooth transparency")
    margin = ANCHOR_MARGIN * max(x1 - x0, y1 - y0)
    for name, (x, y) in item.anchors.items():
        if not (x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin):
            faults.append(f"anchor {name} lies at {x:.0f}, {y:.0f}, far from what is visible")
    return faults + _swapped_anchors(item)


def _swapped_anchors(item: Accessory) -> list[str]:
    """Sentences on pairs of anchors that are swapped or in the same place."""
    faults = []
    for name, (x, _) in item.anchors.items():
        other = item.anchors.get(name.replace("left", "right")) if "left" in name else None
        if other is not None and other[0] - x < MIN_APART:
            right = name.replace("left", "right")
            faults.append(f"anchor {name} must be to the left of {right}, as one looks at it")
    return faults


def draw_anchors(item: Accessory) -> Picture:
    """Draw an accessory over a chequered ground, with a cross and a name at each anchor.

    Args:
        item: the accessory.

    Returns:
        (H, W, 3) uint8 BGR of the size of its picture.
    """
    height, width = item.bgra.shape[:2]
    size = max(height, width)
    cell = max(8, size // CELLS)
    y, x = np.mgrid[:height, :width]
    ground = np.where((x // cell + y // cell) % 2 == 0, *CHECKER_LEVELS)[..., None]
    alpha = item.bgra[..., 3:].astype(np.float32) / 255
    mixed = item.bgra[..., :3] * alpha + ground.astype(np.float32) * (1 - alpha)
    picture = np.round(mixed).astype(np.uint8)
    arm, thick, scale = max(6, size // ARMS), max(1, size // LINES), size / LETTERS
    for name, (px, py) in item.anchors.items():
        at = (round(px), round(py))
        where = (int(np.clip(at[0] + arm, 0, NAME_SHARE * width)), max(at[1] - arm, 2 * arm))
        for color, extra in ((HALO_BGR, 2), (CROSS_BGR, 0)):
            cv2.drawMarker(picture, at, color, cv2.MARKER_CROSS, 2 * arm, thick + extra)
        for color, extra in ((HALO_BGR, 2), (CROSS_BGR, 0)):
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(picture, name, where, font, scale, color, thick + extra, cv2.LINE_AA)
    return picture
