"""Another color for hair or leather."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.dye import dye


@pytest.mark.parametrize("level", [0.8, 0.1])
def test_what_black_leather_mirrors_is_no_brighter_on_leather_of_another_color(level):
    own = np.full((60, 60, 3), 0.01, np.float32)
    own[20:40, 20:40] = 0.2  # the sky
    color = np.full(3, level, np.float32)
    hair, leather = (
        dye(own, np.ones((60, 60), np.bool_), color, 20.0, (0.16, 1.8), mirrors=mirrors).light
        for mirrors in (False, True)
    )
    assert np.allclose(hair[:10], leather[:10])
    added = [float(done[30, 30, 0] - done[5, 5, 0]) for done in (hair, leather)]
    assert 0.19 < added[1] < 0.75 * added[0]


def test_leather_that_becomes_darker_is_dyed_as_all_else():
    own = np.linspace(0.2, 0.9, 60, dtype=np.float32)[:, None, None] * np.ones((60, 60, 3))
    sure, color = np.ones((60, 60), np.bool_), np.full(3, 0.05, np.float32)
    usual, leather = (
        dye(own.astype(np.float32), sure, color, 20.0, (0.16, 1.8), mirrors=mirrors).light
        for mirrors in (False, True)
    )
    assert np.array_equal(usual, leather)
