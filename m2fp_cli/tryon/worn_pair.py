"""Whether glasses are worn already: new ones are then left out, unless they cover the old."""

from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.compositing import Layer, alpha_in_window
from m2fp_cli.tryon.frame_lines import measure_frame
from m2fp_cli.tryon.head import window_units
from m2fp_cli.tryon.lens_tint import measure_lenses
from m2fp_cli.tryon.wearer import Wearer

WORN_REACH = (1.5, 1.0)  # along and below the eyes, within which glasses are this person's, U
MIN_WORN = 0.02  # area labelled glasses that is some, U^2; a pair of lenses has 0.3 or more
SURE_WORN = 0.15  # ... and that no lines have to confirm; five of 148 bare faces have 0.02 to 0.15
# Lines of a frame, see ``frame_lines``. Of 129 faces with clear glasses on street and COCO photos
# 111 have more, and 6 of 289 bare ones on street photos, on which this was chosen; none of 116
# other bare ones has.
LEAST_LINES = 0.21
LEAST_LINES_OF_LABELLED = 0.16  # where something is labelled glasses
LEAST_LINES_OF_TINTED = 0.17  # where the eyes have less color than the cheeks, see ``lens_tint``
MAX_UNCOVERED = 0.12  # share of worn glasses that new ones may leave uncovered
COVERED_ALPHA = 0.3  # of new glasses, above which they cover what is under them
COVERED_MARGIN = 0.06  # around that, U
CLEAR_LENS = 0.6  # lenses of less alpha show the glasses behind them


def shows_worn_pair(wearer: Wearer, glasses: Accessory, layer: Layer) -> bool:
    """Whether glasses that are worn already would show beside or behind new ones.

    The label map shows most dark ones, the rest is known by its lenses; clear ones are known by
    their lines, which also tell whether a few pixels of the label are glasses or a shadow.

    Args:
        wearer: on whose photo nothing of the new pair is painted yet.
        glasses: the new pair.
        layer: where it would be.
    """
    figure, unit = wearer.figure, wearer.frame.unit
    along, below = window_units(wearer.frame, figure)
    # A mask that joins two people may hold the glasses of the other one.
    near = (np.abs(along) < WORN_REACH[0]) & (np.abs(below) < WORN_REACH[1])
    worn = figure.mask("Sunglasses") & near
    labelled = figure.area(worn, unit)
    lines = measure_frame(wearer.photo_bgr, wearer.frame) if labelled < SURE_WORN else None
    lenses = measure_lenses(wearer.photo_bgr, wearer.frame) if labelled < SURE_WORN else None
    dark = lenses is not None and lenses.are_dark
    if labelled <= MIN_WORN:
        # How far these reach is not known: dark new ones may leave some of them uncovered.
        tinted = lenses is not None and lenses.are_tinted
        least = LEAST_LINES_OF_TINTED if tinted else LEAST_LINES
        return dark or (lines is not None and lines > least)
    if not dark and lines is not None and lines < LEAST_LINES_OF_LABELLED:
        return False
    covered = figure.dilate(alpha_in_window(layer, figure) > COVERED_ALPHA, COVERED_MARGIN * unit)
    rest = np.count_nonzero(worn & ~covered)
    clear = glasses.numbers["lens_alpha"] < CLEAR_LENS
    return clear or rest > MAX_UNCOVERED * np.count_nonzero(worn)
