from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.specks import without_specks


def pendant(times=1):
    """A large stone below beads that do not touch each other."""
    bgra = np.zeros((400, 600, 4), np.uint8)
    bgra[200:380, 200:400] = 255
    bgra[100:104, 40:560:16] = bgra[100:104, 41:561:16] = 255
    return np.kron(bgra, np.ones((times, times, 1), np.uint8))


@pytest.mark.parametrize("times", [1, 8])
def test_what_is_small_and_far_from_all_else_goes(times):
    bgra = pendant(times)
    dirty = bgra.copy()
    dirty[-4:-1, 3:6] = 255
    clean = without_specks(dirty)
    assert np.array_equal(clean[..., 3], bgra[..., 3])
    assert dirty[-2, 4, 3] == 255


def test_small_beads_beside_each_other_stay():
    bgra = pendant()
    assert without_specks(bgra) is bgra


def test_one_speck_alone_is_the_accessory():
    bgra = np.zeros((900, 900, 4), np.uint8)
    bgra[450, 450] = 255
    assert without_specks(bgra) is bgra
