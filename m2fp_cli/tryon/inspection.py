"""What is wrong with a picture of an accessory, and where its anchors are."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA, Accessory, content_box
from m2fp_cli.tryon.kind import BodyKind, HeadKind
from m2fp_cli.tryon.kinds import kind_of

CHECKER = (200, 228)


def find_faults(item: Accessory) -> list[str]:
    """Sentences on what will look wrong on a person; none if all is well."""
    kind = kind_of(item.kind)
    return kind.find_faults(item) if isinstance(kind, BodyKind) else _cutout_faults(item, kind)


def _cutout_faults(item: Accessory, kind: HeadKind) -> list[str]:
    """What is wrong with a picture that must be cut out and have anchors."""
    faults = []
    alpha = item.bgra[..., 3]
    x0, y0, x1, y1 = content_box(item.bgra)
    if (alpha > 250).all():
        faults.append("it has no transparency; cut the accessory out of its background")
    if max(x1 - x0, y1 - y0) < kind.min_side:
        faults.append(f"what is visible is only {x1 - x0} x {y1 - y0} pixels; it will be blurred")
    border = np.concatenate((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    if (border > VISIBLE_ALPHA).mean() > 0.05:
        faults.append("it touched_pixels the edge of its picture and may be cut off")
    edge = (alpha > VISIBLE_ALPHA) & (alpha < 247)
    inside = alpha >= 247
    if inside.any() and edge.sum() < 0.5 * np.sqrt(inside.sum()):
        faults.append("its edge is hard; export it with smooth transparency")
    margin = 0.15 * max(x1 - x0, y1 - y0)
    for name, (x, y) in item.anchors.items():
        if not (x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin):
            faults.append(f"anchor {name} lies at {x:.0f}, {y:.0f}, far from what is visible")
    return faults + _swapped(item)


def _swapped(item: Accessory) -> list[str]:
    """Pairs of anchors that are the wrong way round or fall together."""
    faults = []
    for name, (x, _) in item.anchors.items():
        other = item.anchors.get(name.replace("left", "right")) if "left" in name else None
        if other is not None and other[0] - x < 8:
            right = name.replace("left", "right")
            faults.append(f"anchor {name} must be to the left of {right}, as one looks at it")
    return faults


def draw_anchors(item: Accessory) -> Picture:
    """The accessory over a chequered ground with crosses and names at its anchors."""
    height, width = item.bgra.shape[:2]
    cell = max(8, max(height, width) // 64)
    y, x = np.mgrid[:height, :width]
    ground = np.where((x // cell + y // cell) % 2 == 0, *CHECKER)[..., None].astype(np.float32)
    alpha = item.bgra[..., 3:].astype(np.float32) / 255
    picture = np.round(item.bgra[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    size = max(height, width)
    arm, thick = max(6, size // 60), max(1, size // 400)
    for name, (px, py) in item.anchors.items():
        at = (round(px), round(py))
        cv2.drawMarker(picture, at, (255, 255, 255), cv2.MARKER_CROSS, 2 * arm, thick + 2)
        cv2.drawMarker(picture, at, (40, 40, 220), cv2.MARKER_CROSS, 2 * arm, thick)
        where = (int(np.clip(at[0] + arm, 0, 0.75 * width)), max(at[1] - arm, 2 * arm))
        for color, extra in (((255, 255, 255), 2), ((40, 40, 220), 0)):
            font, scale = cv2.FONT_HERSHEY_SIMPLEX, size / 1600
            cv2.putText(picture, name, where, font, scale, color, thick + extra, cv2.LINE_AA)
    return picture
