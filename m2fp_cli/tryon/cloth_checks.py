"""How well new cloth went onto something that is worn: folds, color, edge, what else changed."""

from __future__ import annotations

import numpy as np

from m2fp_cli.terminal import counted
from m2fp_cli.tryon.correlation import rank_correlation
from m2fp_cli.tryon.garment import MIN_AREA, Recolored
from m2fp_cli.tryon.morphology import erode
from m2fp_cli.tryon.records import Check, check_limits

LIMITS = {
    # Rank correlation of the light of plain cloth on plain cloth away from the edge: pale and dark
    # cloth show folds with other contrasts, and the edge is mixed with what is beside it.
    "folds_kept_r": (0.9, 1.0),
    "color_miss_de": (0.0, 5.0),  # CIE76
    "changed_outside_px": (0.0, 0.0),
    "edge_chroma_difference": (0.0, 8.0),  # Lab
    "area_px": (float(MIN_AREA), 1e9),
}
"""What is measured, and the range in which it is good."""

MOST_COMPARED = 50_000  # pixels whose folds are compared
RIM_WIDTH = 3  # of the edge that is compared with the rest, pixels


def notes_of(done: Recolored) -> tuple[str, ...]:
    """What a reader of the record should know about new cloth.

    Args:
        done: the garment in its new cloth.
    """
    notes: tuple[str, ...] = ()
    if done.patterned:
        notes = ("the old cloth is patterned, its detail was left out",)
    if done.beyond_px:
        one, more = "pixel beside the label was", "pixels beside the label were"
        notes += (f"{counted(done.beyond_px, one, more)} taken for the garment",)
    return notes


def check_cloth(done: Recolored, min_area: int = MIN_AREA) -> list[Check]:
    """Whether folds are kept, the color is met at the edge too, and nothing else changed.

    Args:
        done: the garment in its new cloth.
        min_area: of it, pixels.
    """
    every = max(1, int(np.count_nonzero(done.inner)) // MOST_COMPARED)
    before, after = (light[done.inner][::every] for light in (done.before, done.after))
    inner = erode(done.mask, RIM_WIDTH)
    lab = done.lab
    edge, middle = lab[done.mask & ~inner], lab[inner if inner.any() else done.mask]
    # A texture has many colors: its mean is compared, and only a plain cloth's edge.
    miss = float(np.linalg.norm(np.median(lab[done.mask], axis=0) - done.target_lab))
    rim = np.median(edge, axis=0) - np.median(middle, axis=0) if edge.size else np.zeros(3)
    measured = {
        "folds_kept_r": rank_correlation(before, after),
        "color_miss_de": miss,
        "changed_outside_px": float(done.changed_outside_px),
        "edge_chroma_difference": float(np.hypot(rim[1], rim[2])),
        "area_px": float(np.count_nonzero(done.mask)),
    }
    # Patterns have light and dark of their own.
    has_pattern = done.patterned or done.textured
    folds = {"folds_kept_r": (0.0, 1.0)} if has_pattern else {}
    area = {"area_px": (float(min_area), 1e9)}
    return check_limits(measured, {**LIMITS, **folds, **area})
