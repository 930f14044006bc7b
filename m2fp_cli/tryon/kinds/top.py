"""Tops: another colour or fabric on the garment that is there, with its folds and its light."""

from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.figure import build_figure, whole_window
from m2fp_cli.tryon.garment import (
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
from m2fp_cli.tryon.records import Check, ItemRecord
from m2fp_cli.tryon.wearer import Body

SMALLEST_TILE = 32  # pixels a side of a fabric's picture
LEAST_FOLDS_R = 0.9  # correlation of lightness before and after, of plain cloth on plain cloth


def load_cloth(reference: str) -> Cloth:
    """Cloth of ``#rrggbb``, of a picture file, or of a fabric that comes with the tool.

    Raises:
        UsageError: it is none of them.
    """
    color = color_of(reference)
    if color is not None:
        return plain_cloth(reference, color)
    fabric = load_accessory(reference, "top")
    return picture_cloth(fabric.name, fabric.bgra, fabric.numbers["tile_units"])


def wear_top(body: Body, cloth: Cloth) -> ItemRecord:
    """Give a person's top another cloth, in place."""
    figure = build_figure(body.result, body.person, whole_window(body.person))
    claims = {name: claim[figure.window] for name, claim in body.claims.items()}
    done = recolor(body.photo_bgr, figure, cloth, body.unit, claims)
    if done is None:
        return ItemRecord("top", cloth.name, "no top is visible")
    checks = tuple(check_top(done))
    return ItemRecord("top", cloth.name, "", {"garment": done.label}, checks, _notes(done))


def _notes(done: Recolored) -> tuple[str, ...]:
    """What a reader of the record should know about a dressed top."""
    notes: tuple[str, ...] = ()
    if done.patterned:
        notes = ("the old cloth is patterned, its detail was left out",)
    if done.beyond:
        notes += (f"{done.beyond} pixels beside the label were taken for the garment",)
    if done.joined:
        notes += (f"{done.joined} pixels labelled as another top are the same garment",)
    return notes


def check_top(done: Recolored) -> list[Check]:
    """Whether folds are kept, the colour is met, the edge too, and nothing else changed."""
    before, after = done.before[done.mask], done.after[done.mask]
    lightness = [np.cbrt(np.clip(v, 0, 1)).astype(np.float32) for v in (before, after)]
    # Patterns have light and dark of their own.
    low = 0.0 if done.patterned or done.textured else LEAST_FOLDS_R
    inner = erode(done.mask, 3)
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


def find_faults(fabric: Accessory) -> list[str]:
    """What is wrong with a picture as a fabric, in sentences."""
    if min(fabric.bgra.shape[:2]) >= SMALLEST_TILE:
        return []
    return [f"the fabric is smaller than {SMALLEST_TILE} pixels a side"]


KIND = BodyKind(
    name="top",
    numbers={"tile_units": Number(2.0, 0.1, 20.0)},  # width of the fabric's picture on people, U
    load=load_cloth,
    find_faults=find_faults,
    wear=wear_top,
    needs_instances=True,
)
