from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.pair import left_of_pair


def drops(*tops, width=40):
    """Earrings side by side, each so far below the upper end, on a clear ground of 300 rows."""
    bgra = np.zeros((300, 100 * len(tops), 4), np.uint8)
    for i, top in enumerate(tops):
        bgra[top:280, 100 * i + 30 : 100 * i + 30 + width] = 255
    return bgra


def test_of_a_pair_the_left_one_is_left():
    both = drops(20, 24)
    one = left_of_pair(both)
    assert np.array_equal(one, both[:, :100])


@pytest.mark.parametrize("bgra", [
    drops(20),
    drops(20, 150),  # a stud beside what hangs below it
    drops(20, 20, 20),
    drops(20, 20, width=1),  # the sides of a thin frame
    drops(20, 20, width=100),  # they touch
])  # fmt: skip
def test_other_pictures_stay_as_they_are(bgra):
    assert left_of_pair(bgra) is bgra
