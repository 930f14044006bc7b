from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import read_item
from m2fp_cli.tryon.paper_lenses import without_paper

PAPER, RIM = (246, 248, 250, 255), (40, 40, 60, 255)


def glasses(lens=PAPER, rim=RIM, ground=(0, 0, 0, 0)):
    bgra = np.full((300, 700, 4), ground, np.uint8)
    for x in (180, 520):
        cv2.circle(bgra, (x, 150), 120, lens, -1)
        cv2.circle(bgra, (x, 150), 120, rim, 12)
    cv2.line(bgra, (300, 140), (400, 140), rim, 12)
    return bgra


def with_margin(bgra):
    return np.pad(bgra, ((20, 20), (20, 20), (0, 0)))


def test_paper_behind_lenses_becomes_clear_and_the_rim_stays():
    bgra = glasses()
    cv2.line(bgra, (80, 150), (280, 150), (120, 124, 125, 255), 1)  # what is seen through a lens
    clear = without_paper(bgra)
    assert clear[100, 180, 3] == clear[200, 520, 3] == 0
    assert (clear[150, 60] == RIM).all()
    assert 100 < clear[150, 180, 3] < 255
    assert (bgra[100, 180] == PAPER).all()


@pytest.mark.parametrize(
    "bgra",
    [
        glasses(lens=(60, 60, 70, 255)),  # dark lenses
        glasses(lens=(255, 255, 255, 60)),  # cut out with care
        glasses(lens=(150, 240, 250, 255)),  # yellow ones
        glasses(rim=(248, 248, 248, 255)),  # a white frame cannot be told from paper
        glasses(ground=PAPER),  # not cut out
        with_margin(glasses(ground=PAPER)),
    ],
)
def test_other_glasses_stay_as_they_are(bgra):
    assert without_paper(bgra) is bgra


def test_it_is_said_and_a_photo_on_paper_is_still_refused():
    item = read_item(cv2.imencode(".png", glasses())[1].tobytes(), "glasses")
    assert "the white paper behind the lenses was left out" in getattr(item, "notes", ())
    with pytest.raises(UsageError, match="has no transparency"):
        read_item(cv2.imencode(".png", glasses(ground=PAPER))[1].tobytes(), "glasses")
