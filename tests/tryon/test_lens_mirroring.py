from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.lens_mirroring import LIT_SKIN, dim_mirroring


def lens_and_frame():
    """A pixel of a clear lens and one of its frame, both of a gray."""
    alpha = np.array([[0.15, 1.0]], np.float32)
    return Layer(0.4 * np.dstack([alpha] * 3), alpha, (0, 0, 2, 1))


def test_a_lens_mirrors_less_before_dark_skin():
    lens, frame = dim_mirroring(lens_and_frame(), 0.1 * LIT_SKIN).color[0, :, 0]
    assert lens < 0.2 * 0.4 * 0.15
    assert frame == np.float32(0.4)


def test_before_light_skin_nothing_is_changed():
    layer = lens_and_frame()
    assert dim_mirroring(layer, LIT_SKIN) is layer
