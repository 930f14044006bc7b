from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import guess_anchors, list_accessories, load_accessory
from m2fp_cli.tryon.half_rims import find_half_rims
from m2fp_cli.tryon.kinds.glasses import KIND as GLASSES

LENSES = ((270, 200), (730, 200))


def half_rims(lens_alpha=0, axes=(190, 120), thick=24, end=0):
    """Glasses with a rim over each lens, down to so many degrees below its middle."""
    bgra = np.zeros((420, 1000, 4), np.uint8)
    for center in LENSES:
        cv2.ellipse(bgra, center, axes, 0, 0, 360, (235, 225, 215, lens_alpha), -1)
        cv2.ellipse(bgra, center, axes, 0, 180 - end, 360 + end, (30, 30, 30, 255), thick)
    for x0, x1 in ((455, 545), (10, 85), (915, 990)):
        cv2.line(bgra, (x0, 190), (x1, 190), (30, 30, 30, 255), thick)
    return bgra


@pytest.mark.parametrize("drawing", [
    {}, {"lens_alpha": 25}, {"lens_alpha": 90}, {"thick": 10}, {"axes": (180, 150)}, {"end": 12},
])  # fmt: skip
def test_the_eyes_are_in_the_lenses_and_not_behind_the_rim(drawing):
    found = guess_anchors(half_rims(**drawing), GLASSES)
    for name, center in zip(("lens_left", "lens_right"), LENSES, strict=True):
        assert found[name] == pytest.approx(center, abs=24)


def test_a_shield_and_whole_frames_are_none():
    shield = np.ones((120, 400), np.bool_)
    assert find_half_rims(shield) is None
    for name in (name for name, kind in list_accessories().items() if kind == "glasses"):
        assert find_half_rims(load_accessory(name, "glasses").bgra[..., 3] > 127) is None
