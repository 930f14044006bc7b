"""A garment from a picture of the product: cut out, with its landmarks and without its inside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA, Accessory
from m2fp_cli.tryon.garment_outline import GarmentLandmarks, NotFlat, find_landmarks
from m2fp_cli.tryon.lighting import linear_luminance
from m2fp_cli.tryon.one_thing import MIN_CLEAR
from m2fp_cli.tryon.product_ground import find_ground, largest_piece
from m2fp_cli.tryon.straighten import straighten

LONGEST_SIDE = 1024  # of the picture that is kept: more than a person has in most photos
OUTLINE_SIDE = 440  # of the mask in which landmarks are looked for
OPAQUE = 128  # of 255: alpha of a garment's pixel

# The ground of a picture without transparency.
AREA_RANGE = (0.1, 0.9)  # of the garment, share of the picture

# The neckline in front of the inside of the back.
DEPTHS = np.linspace(0.25, 1.6, 28)  # shares of half the neck's width
NECK_ROUND = 0.8  # power of the cosine that a neckline follows
NECK_BESIDE = 3.0  # between what is compared on both sides of it, shares of 1 / 100 of the width
# A neckline goes from end to end: a print below it may differ more, on a part of the width.
NECK_PART = 20  # percentile of the differences that counts
NECK_SEEN = 0.8  # share of the width where both sides of a curve are on the garment
NECK_CLEAR = 0.02  # least difference, as cube roots of light: less are folds
# Of a rib at the back, a neckline and a rib in front the lowest, if it is so clear beside the best.
NECK_NEAR_BEST = 0.5
SHALLOW = 0.12  # depth of the outline up to which it may be that of the back, share of A


@dataclass(frozen=True, eq=False)
class FlatGarment:
    """A garment, ready to be worn.

    Attributes:
        name: for reports.
        color: (h, w, 3) float32 linear BGR, straight; beyond the outline the nearest color of it.
        alpha: (h, w) float32.
        landmarks: in pixels of these.
        is_jacket: what is worn below shows in its opening.
        kind: what it is worn as, see ``kinds.KIND_NAMES``.
    """

    name: str
    color: FloatArray
    alpha: FloatArray
    landmarks: GarmentLandmarks
    is_jacket: bool = False
    kind: str = "top"


def flat_garment(picture: Accessory) -> FlatGarment:
    """A garment from its picture.

    Args:
        picture: cut out, or on a near-white ground; its style ``jacket`` says that what is worn
            below shows in its opening.

    Raises:
        NotFlat: it does not show a garment that lies flat and is seen from the front.
    """
    bgra = _shrink(cut_ground(picture.bgra))
    small = _outline(bgra)
    if not small.any():
        if (bgra[..., 3] > VISIBLE_ALPHA).any():
            raise NotFlat("no part of it is opaque; it must not be see-through")
        raise NotFlat("it is fully transparent")
    turned = straighten(bgra, largest_piece(small))
    if turned is not bgra:
        bgra, small = turned, _outline(turned)
    factor = bgra.shape[1] / small.shape[1]
    landmarks = _scaled(find_landmarks(largest_piece(small)), factor)
    alpha = bgra[..., 3].astype(np.float32) / 255
    collar = _find_neckline(bgra, landmarks) if _may_show_back(landmarks) else None
    if collar is not None or not landmarks.open_neck:
        landmarks = landmarks if collar is None else replace(landmarks, collar=collar)
        alpha = np.where(_inside_of_neck(alpha.shape, landmarks), 0, alpha).astype(np.float32)
    color = _extend_color(to_linear(np.ascontiguousarray(bgra[..., :3])), alpha)
    return FlatGarment(picture.name, color, alpha, landmarks, picture.style == "jacket")


def _outline(bgra: Picture) -> BoolArray:
    """Where a picture is opaque, in the size in which landmarks are looked for."""
    height, width = bgra.shape[:2]
    factor = min(1.0, OUTLINE_SIDE / max(height, width))
    size = round(width * factor), round(height * factor)
    small = cv2.resize(bgra[..., 3], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small >= OPAQUE)


def cut_ground(bgra: Picture) -> Picture:
    """Make the near-white ground of a picture clear.

    Args:
        bgra: (H, W, 4) uint8; returned itself where some of it is clear already.

    Raises:
        NotFlat: the picture is neither cut out nor on a near-white ground.
    """
    if (bgra[..., 3] <= VISIBLE_ALPHA).mean() > MIN_CLEAR:
        return bgra
    bgr = bgra[..., :3]
    ground = find_ground(np.ascontiguousarray(bgr))
    if ground is None:
        raise NotFlat("it has no transparency, and its ground is not near white; cut it out")
    share = 1 - float(ground.mean())
    if not AREA_RANGE[0] < share < AREA_RANGE[1]:
        raise NotFlat("the garment cannot be told from its ground; cut it out")
    soft = cv2.GaussianBlur((~ground).astype(np.float32), (0, 0), 1.0)
    alpha = np.clip(2 * soft - 1, 0, 1) * 255  # inside the outline: its pixels hold some ground
    return np.dstack((bgr, np.round(alpha).astype(np.uint8)))


def _shrink(bgra: Picture) -> Picture:
    """A picture of at most ``LONGEST_SIDE`` pixels a side, its clear pixels left out."""
    factor = LONGEST_SIDE / max(bgra.shape[:2])
    if factor >= 1:
        return bgra
    size = round(bgra.shape[1] * factor), round(bgra.shape[0] * factor)
    alpha = bgra[..., 3:].astype(np.float32)
    both = np.concatenate((bgra[..., :3] * (alpha / 255), alpha), axis=2)
    small = cv2.resize(both, size, interpolation=cv2.INTER_AREA)
    straight = small[..., :3] * (255 / np.maximum(small[..., 3:], 1))
    out = np.concatenate((straight, small[..., 3:]), axis=2)
    return np.asarray(np.clip(np.round(out), 0, 255), np.uint8)


def _scaled(found: GarmentLandmarks, factor: float) -> GarmentLandmarks:
    """Landmarks of a picture that is so many times as large."""
    sleeves = [
        replace(
            one,
            axis=one.axis * np.float32(factor),
            outer=one.outer * np.float32(factor),
            inner=one.inner * np.float32(factor),
            length=one.length * factor,
        )
        for one in found.sleeves
    ]
    points = {
        name: getattr(found, name) * np.float32(factor)
        for name in ("neck", "collar", "shoulder", "armpit", "sides", "hem")
    }
    return replace(found, **points, sleeves=(sleeves[0], sleeves[1]))


def _neck_curve(landmarks: GarmentLandmarks, depth: float, x: FloatArray) -> FloatArray:
    """Row of a neckline of some depth, shares of half the neck's width, at columns."""
    left, right = landmarks.neck
    half = float(right[0] - left[0]) / 2
    across = np.clip((x - (left[0] + right[0]) / 2) / half, -1, 1)
    level = left[1] + (right[1] - left[1]) * (across + 1) / 2
    return np.asarray(
        level + depth * half * np.maximum(np.cos(across * np.pi / 2), 0) ** NECK_ROUND, np.float32
    )


def _may_show_back(landmarks: GarmentLandmarks) -> bool:
    """Whether the outline at the neck may be that of the back, which is cut less low."""
    reach = float(landmarks.armpit[1, 0] - landmarks.armpit[0, 0]) / 2
    depth = float(landmarks.collar[1] - landmarks.neck[:, 1].mean())
    return not landmarks.open_neck or depth < SHALLOW * reach


def _find_neckline(bgra: Picture, landmarks: GarmentLandmarks) -> FloatArray | None:
    """The neckline's lowest point: where above and below a curve from the neck differ all along.

    None where no curve is seen.
    """
    light = linear_luminance(to_linear(np.ascontiguousarray(bgra[..., :3])))
    gray = cv2.GaussianBlur(np.cbrt(light), (0, 0), 1.0)
    left, right = landmarks.neck
    x = np.linspace(
        left[0] + 0.15 * (right[0] - left[0]), right[0] - 0.15 * (right[0] - left[0]), 40
    )
    beside = max(NECK_BESIDE * bgra.shape[1] / 100 / 2, 2.0)
    columns = x.astype(np.int32)
    found = np.zeros(len(DEPTHS))
    for i, each in enumerate(DEPTHS):
        y = _neck_curve(landmarks, float(each), x.astype(np.float32))
        rows = [np.clip(y + shift, 0, bgra.shape[0] - 1).astype(np.int32)
                for shift in (-beside, beside)]  # fmt: skip
        solid = np.all([bgra[row, columns, 3] >= OPAQUE for row in rows], axis=0)
        if solid.mean() >= NECK_SEEN:
            apart = np.abs(gray[rows[0], columns] - gray[rows[1], columns])[solid]
            found[i] = np.percentile(apart, NECK_PART)
    clear = np.flatnonzero(found >= max(NECK_NEAR_BEST * float(found.max()), NECK_CLEAR))
    if not clear.size:
        return None
    # Neighbors cross the same edge.
    edges = np.split(clear, np.flatnonzero(np.diff(clear) > 1) + 1)
    depth = float(DEPTHS[edges[-1][np.argmax(found[edges[-1]])]])
    middle = np.float32((left[0] + right[0]) / 2)
    low = _neck_curve(landmarks, depth, np.array([middle], np.float32))[0]
    return np.array((middle, low), np.float32)


def _inside_of_neck(shape: tuple[int, ...], landmarks: GarmentLandmarks) -> BoolArray:
    """What lies above the neckline, between the ends of the neck."""
    left, right = landmarks.neck
    half = float(right[0] - left[0]) / 2
    depth = (float(landmarks.collar[1]) - float(left[1] + right[1]) / 2) / half
    x = np.arange(shape[1], dtype=np.float32)
    low = _neck_curve(landmarks, depth, x)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    out: BoolArray = (rows < low) & (x > left[0]) & (x < right[0])
    return out


def _extend_color(color: FloatArray, alpha: FloatArray) -> FloatArray:
    """Mirror the garment at its outline, as cloth that goes on.

    The nearest pixel alone would smear one color over all that lies beyond a hem or a side.
    """
    solid = alpha > 0.98
    solid = solid if solid.any() else alpha > 0.5
    _, nearest = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # A label is the number of a solid pixel in the order of rows.
    of_label = np.zeros(int(nearest.max()) + 1, np.int32)
    of_label[nearest[solid]] = np.flatnonzero(solid)
    rows, columns = np.divmod(of_label[nearest], solid.shape[1])
    y, x = np.mgrid[: solid.shape[0], : solid.shape[1]]
    last = solid.shape[0] - 1, solid.shape[1] - 1
    mirrored = np.clip(2 * rows - y, 0, last[0]), np.clip(2 * columns - x, 0, last[1])
    inside = solid[mirrored]
    out = np.where(inside[..., None], color[mirrored], color[rows, columns])
    return np.asarray(out, np.float32)
