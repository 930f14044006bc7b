"""Tops: another colour or fabric on the garment that is worn, with its folds and its light."""

from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.figure import build_figure, person_window
from m2fp_cli.tryon.garment import (
    MIN_AREA,
    Cloth,
    Recolored,
    color_of,
    correlation,
    picture_cloth,
    plain_cloth,
    recolor,
)
from m2fp_cli.tryon.kind import BodyKind, Number
from m2fp_cli.tryon.morphology import erode
from m2fp_cli.tryon.records import Check, ItemRecord, check_limits
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_top import find_top

SMALLEST_TILE = 32  # pixels a side of a fabric's picture

# When it is good.
LIMITS = {
    "folds_kept_r": (0.9, 1.0),  # correlation of lightness, of plain cloth on plain cloth
    "color_miss_de": (0.0, 5.0),  # CIE76
    "changed_outside_px": (0.0, 0.0),
    "edge_chroma_difference": (0.0, 8.0),  # Lab
    "area_px": (float(MIN_AREA), 1e9),
}
"""What is measured, and the range in which it is good."""

RIM_WIDTH = 3  # of the edge that is compared with the rest, pixels


def load_cloth(reference: str) -> Cloth:
    """Read a cloth.

    Args:
        reference: ``#rrggbb``, a picture file, or the name of a fabric that comes with the tool.

    Raises:
        UsageError: it is none of them.
    """
    color = color_of(reference)
    if color is not None:
        return plain_cloth(reference, color)
    return cloth_of(load_accessory(reference, "top"))


def cloth_of(fabric: Accessory) -> Cloth:
    """Cloth with the pattern of a picture."""
    return picture_cloth(fabric.name, fabric.bgra, fabric.numbers["tile_units"])


def wear_top(body: Body, cloth: Cloth) -> ItemRecord:
    """Give a person's top another cloth.

    Args:
        body: whose photo is painted on, in place.
        cloth: the new cloth.

    Returns:
        what was done and how well it went, or why nothing was.
    """
    figure = build_figure(body.result, body.person, person_window(body.person))
    instances = {name: mask[figure.window] for name, mask in body.top_instances.items()}
    label = find_top(figure, body.frame, body.unit, body.layer)
    if label is None or np.count_nonzero(figure.mask(label)) < MIN_AREA:
        return ItemRecord("top", cloth.name, "no top is visible")
    done = recolor(body.photo_bgr, figure, label, cloth, body.unit, instances)
    checks = tuple(check_top(done))
    return ItemRecord("top", cloth.name, "", {"garment": done.label}, checks, _notes(done))


def _notes(done: Recolored) -> tuple[str, ...]:
    """What a reader of the record should know about a dressed top."""
    notes: tuple[str, ...] = ()
    if done.patterned:
        notes = ("the old cloth is patterned, its detail was left out",)
    if done.beyond_px:
        notes += (f"{done.beyond_px} pixels beside the label were taken for the garment",)
    if done.joined_px:
        notes += (f"{done.joined_px} pixels labelled as another top are the same garment",)
    return notes


def check_top(done: Recolored) -> list[Check]:
    """Whether folds are kept, the colour is met at the edge too, and nothing else changed.

    Args:
        done: the garment in its new cloth.
    """
    before, after = done.before[done.mask], done.after[done.mask]
    lightness = [np.cbrt(np.clip(v, 0, 1)).astype(np.float32) for v in (before, after)]
    inner = erode(done.mask, RIM_WIDTH)
    lab = done.lab
    edge, middle = lab[done.mask & ~inner], lab[inner if inner.any() else done.mask]
    # A texture has many colours: its mean is compared, and only a plain cloth's edge.
    miss = float(np.linalg.norm(np.median(lab[done.mask], axis=0) - done.target_lab))
    rim = np.median(edge, axis=0) - np.median(middle, axis=0) if edge.size else np.zeros(3)
    measured = {
        "folds_kept_r": correlation(lightness[0], lightness[1]),
        "color_miss_de": miss,
        "changed_outside_px": float(done.changed_outside_px),
        "edge_chroma_difference": float(np.hypot(rim[1], rim[2])),
        "area_px": float(np.count_nonzero(done.mask)),
    }
    # Patterns have light and dark of their own.
    has_pattern = done.patterned or done.textured
    folds = {"folds_kept_r": (0.0, 1.0)} if has_pattern else {}
    return check_limits(measured, {**LIMITS, **folds})


def find_faults(fabric: Accessory) -> list[str]:
    """What is wrong with a picture as a fabric, in sentences.

    Args:
        fabric: the picture.
    """
    if min(fabric.bgra.shape[:2]) >= SMALLEST_TILE:
        return []
    return [f"the fabric is smaller than {SMALLEST_TILE} pixels a side"]


KIND = BodyKind(
    name="top",
    numbers={"tile_units": Number(2.0, 0.1, 20.0, "width of the fabric's picture on people, U")},
    load=load_cloth,
    from_picture=cloth_of,
    find_faults=find_faults,
    wear=wear_top,
    needs_instances=True,
)
