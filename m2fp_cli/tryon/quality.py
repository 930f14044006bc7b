"""Numbers that tell whether an accessory sits, beside the limits they should keep.

The limits come from anthropometry and from where people really wear things; a value outside of them
is written down, not hidden. Lengths are in U.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.figure import HEAD, BoolArray, Figure, FloatArray, shrunk
from m2fp_cli.tryon.garment import Recolored, correlation
from m2fp_cli.tryon.hat_placement import HatPlacement
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.placement import (
    EarringPlacement,
    GlassesPlacement,
    NecklacePlacement,
    shortening,
)
from m2fp_cli.tryon.worn_glasses import LENS_DROP


@dataclass(frozen=True)
class Check:
    """One number and its limits.

    Attributes:
        name: what was measured.
        value: the number.
        low: lowest good value.
        high: highest good value.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def ok(self) -> bool:
        """Whether the value lies within the limits; a value that is not a number does not."""
        return self.low <= self.value <= self.high

    def as_json(self) -> dict[str, Any]:
        """The check as it goes into the document."""
        value = round(self.value, 4) if math.isfinite(self.value) else None
        return {"name": self.name, "value": value, "limits": [self.low, self.high], "ok": self.ok}


def alpha_in_window(layer: Layer, figure: Figure) -> FloatArray:
    """The layer's alpha in the figure's window, 0 where they do not meet."""
    out = np.zeros(figure.own.shape, dtype=np.float32)
    x0, y0, x1, y1 = layer.box_xyxy
    step = figure.step
    left, top = (start + step // 2 for start in figure.origin_xy)
    # The first of the figure's pixels in the layer, and the first that are beyond it.
    columns = [max(-(-(x - left) // step), 0) for x in (x0, x1)]
    rows = [max(-(-(y - top) // step), 0) for y in (y0, y1)]
    into = out[slice(*rows), slice(*columns)]
    if into.size:
        first_y, first_x = top + step * rows[0] - y0, left + step * columns[0] - x0
        part = layer.alpha[first_y::step, first_x::step]
        into[...] = part[: into.shape[0], : into.shape[1]]
    return out


def check_hat(
    frame: HeadFrame,
    figure: Figure,
    place: HatPlacement,
    layer: Layer,
    cut: float,
    gone: BoolArray,
    style: str,
) -> list[Check]:
    """Whether a hat sits on the head: no gap, right height and width, eyes free, hair inside.

    Args:
        frame: the head.
        figure: the person.
        place: where the hat is.
        layer: what is drawn of it.
        cut: share of it outside the photo.
        gone: (h, w) bool in the figure's window: what was painted over with background.
        style: of the hat; a brim may come down before the eyes a little.
    """
    alpha = alpha_in_window(layer, figure)
    along, below = window_units(frame, figure)
    head = figure.mask(*HEAD, "Left-arm", "Right-arm")
    gap_median, gap_high = _float_gap(alpha, head, along, below, place)
    discs = (np.abs(along) - 0.5) ** 2 + below**2 < 0.18**2
    hair = figure.mask("Hair") & ~gone
    above = hair & (below < -place.height - 0.1)
    old = figure.mask("Hat") & ~gone & frame.has_hat
    brim = 0.2 if style == "brim" else 0.0
    return [
        Check("gap_median_u", gap_median, 0.0, 0.05),
        Check("gap_p95_u", gap_high, 0.0, 0.12),
        Check("band_above_eyes_u", place.height, 0.45, 1.15),
        Check("band_width_u", 2 * place.half, 2.1, 2.9),
        Check("roll_difference_deg", abs(place.roll - frame.roll), 0.0, 6.0),
        Check("center_offset_u", abs(place.offset - place.head_offset), 0.0, 0.25),
        Check("eyes_covered", _share(alpha, discs), 0.0, brim),
        Check("hair_outside", 1 - _share(alpha, above) if above.any() else 0.0, 0.0, 0.03),
        Check("cut_by_frame", cut, 0.0, 0.25),
        Check("old_hat_covered", _share(alpha, old) if old.any() else 1.0, 0.98, 1.0),
    ]


def gap_to_face(frame: HeadFrame, figure: Figure, place: HatPlacement, layer: Layer) -> float:
    """Median distance from a hat's lower edge to face or hair below it, U; an old hat goes."""
    along, below = window_units(frame, figure)
    head = figure.mask("Face", "Hair", "Sunglasses", "Left-arm", "Right-arm")
    return _float_gap(alpha_in_window(layer, figure), head, along, below, place)[0]


def _float_gap(
    alpha: FloatArray, head: BoolArray, along: FloatArray, below: FloatArray, place: HatPlacement
) -> tuple[float, float]:
    """Distance from the hat's lower edge to the head below it, over its middle columns, U."""
    middle = (np.abs(along - place.offset) < 0.6 * place.half + 0.06) & (below < 2)
    worn = middle & (alpha > 0.5)
    head = middle & head
    hat_x, hat_y, head_x, head_y = along[worn], below[worn], along[head], below[head]
    gaps = []
    for edge in np.arange(-0.6, 0.61, 0.1) * place.half + place.offset:
        hat = hat_y[np.abs(hat_x - edge) < 0.06]
        skin = head_y[np.abs(head_x - edge) < 0.06]
        if not hat.size or not skin.size:
            gaps.append(1.0)
            continue
        beneath = skin[skin >= hat.max() - 0.02]
        gaps.append(float(beneath.min() - hat.max()) if beneath.size else 1.0)
    values = np.maximum(np.asarray(gaps) - 0.02, 0)
    return float(np.median(values)), float(np.percentile(values, 95))


def _share(alpha: FloatArray, where: BoolArray) -> float:
    return float((alpha[where] > 0.5).mean()) if where.any() else 0.0


def check_glasses(
    frame: HeadFrame, figure: Figure, place: GlassesPlacement, layer: Layer
) -> list[Check]:
    """Whether glasses are in front of the eyes, as wide as the face and not beside the head."""
    half_width, half_height = place.lens_half_wh
    misses, inside = [], []
    for (x, y), side, shorten in zip(place.lenses_xy, (-1, 1), shortening(frame.yaw), strict=True):
        u, v = frame.units(np.array([x]), np.array([y]))
        dx, dy = abs(float(u[0]) - side * 0.5 * shorten), abs(float(v[0]))
        misses.append(math.hypot(dx, dy - LENS_DROP))
        inside.append(dx <= half_width * shorten and dy <= half_height)
    alpha = alpha_in_window(layer, figure)
    head = figure.grown(figure.mask("Face", "Hair", "Sunglasses", "Hat"), 0.08 * frame.unit)
    total = float(alpha.sum())
    return [
        Check("eyes_in_lenses", float(np.mean(inside)), 1.0, 1.0),
        Check("lens_to_eye_u", max(misses), 0.0, 0.12),
        Check("width_to_face", place.width * frame.unit / max(frame.face_width, 1.0), 0.93, 1.17),
        Check("roll_difference_deg", abs(place.roll - frame.roll), 0.0, 4.0),
        Check("outside_head", float(alpha[~head].sum()) / max(total, 1e-6), 0.0, 0.05),
    ]


def check_earrings(
    frame: HeadFrame, figure: Figure, places: Sequence[EarringPlacement]
) -> list[Check]:
    """Whether hooks are on the skin, not on hair, and level."""
    along, below = window_units(frame, figure)
    skin, hair = figure.mask("Face"), figure.mask("Hair")
    far, on_hair, drops = [], [], []
    for place in places:
        u, v = frame.units(np.array([place.hook_xy[0]]), np.array([place.hook_xy[1]]))
        distance = np.hypot(along - u[0], below - v[0])
        far.append(float(distance[skin].min()) if skin.any() else 9.0)
        spot = distance < 0.08
        on_hair.append(float(hair[spot].mean()) if spot.any() else 0.0)
        drops.append(float(v[0]))
    return [
        Check("hook_to_skin_u", max(far), 0.0, 0.1),
        Check("hook_on_hair", max(on_hair), 0.0, 0.5),
        Check("height_difference_u", max(drops) - min(drops), 0.0, 0.1),
    ]


def check_necklace(
    frame: HeadFrame, figure: Figure, place: NecklacePlacement, layer: Layer, whole: float
) -> list[Check]:
    """Whether a chain lies on neck and chest and is seen.

    Args:
        frame: the head.
        figure: the person.
        place: where it lies.
        layer: what is drawn of it.
        whole: area in U^2 before anything hid it.
    """
    alpha = alpha_in_window(layer, figure)
    along, below = window_units(frame, figure)
    body = figure.mask("Torso-skin", "UpperClothes", "Dress", "Coat", "Jumpsuits") | place.region
    face = figure.mask("Face") & (below < frame.chin)
    total = max(float(alpha.sum()), 1e-6)
    return [
        Check("on_body", float(alpha[body].sum()) / total, 0.8, 1.0),
        Check("on_face", float(alpha[face].sum()) / total, 0.0, 0.001),
        Check("ends_to_edge_u", _ends_to_edge(frame, place, along, below), 0.0, 0.1),
        Check("seen", total * (figure.step / frame.unit) ** 2 / max(whole, 1e-6), 0.4, 1.0),
    ]


def _ends_to_edge(
    frame: HeadFrame, place: NecklacePlacement, along: FloatArray, below: FloatArray
) -> float:
    """How far inside of the skin's edge a chain begins, U; one that goes behind it does not."""
    far = 0.0
    for (x, y), side in zip(place.ends_xy, (-1, 1), strict=True):
        u, v = frame.units(np.array([x]), np.array([y]))
        row = side * along[place.region & (np.abs(below - v[0]) < 0.06)]
        far = max(far, float(np.percentile(row, 98)) - side * float(u[0]) if row.size else 0.0)
    return far


def check_top(done: Recolored) -> list[Check]:
    """Whether folds are kept, the colour is met, the edge too, and nothing else changed."""
    before, after = done.before[done.mask], done.after[done.mask]
    lightness = [np.cbrt(np.clip(v, 0, 1)).astype(np.float32) for v in (before, after)]
    # Patterns have light and dark of their own.
    low = 0.0 if done.patterned or done.textured else 0.9
    inner = shrunk(done.mask, 3)
    lab = done.lab
    edge, middle = lab[done.mask & ~inner], lab[inner if inner.any() else done.mask]
    # A texture has many colours: its mean is compared, and only a plain cloth's edge.
    miss = float(np.linalg.norm(np.median(lab[done.mask], axis=0) - done.target_lab))
    rim = np.median(edge, axis=0) - np.median(middle, axis=0) if edge.size else np.zeros(3)
    return [
        Check("folds_kept_r", correlation(lightness[0], lightness[1]), low, 1.0),
        Check("color_miss_de", miss, 0.0, 5.0),
        Check("changed_outside_px", float(done.changed_outside), 0.0, 0.0),
        Check("edge_chroma_difference", float(np.hypot(rim[1], rim[2])), 0.0, 8.0),
        Check("area_px", float(np.count_nonzero(done.mask)), 400.0, 1e9),
    ]
