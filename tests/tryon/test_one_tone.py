"""Photos without colors, and photos of few."""

from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.one_tone import find_tone, keep_tone

LEVELS = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
SEPIA = np.dstack([LEVELS * 0.7, LEVELS * 0.85, LEVELS * 1.0]).astype(np.uint8)


def test_gray_and_sepia_have_one_tone_and_colors_have_not():
    gray = np.dstack([LEVELS] * 3)
    tone = find_tone(gray)
    assert tone is not None
    assert np.array_equal(tone, gray[0])
    tone = find_tone(SEPIA)
    assert tone is not None
    assert np.abs(tone[120].astype(int) - (96, 117, 138)).max() < 6  # gray 120 of the sepia
    colored = gray.copy()
    colored[:8, :, 2] = 255 - LEVELS[:8]
    assert find_tone(colored) is None
    assert find_tone(np.full((50, 50, 3), 90, np.uint8)) is None


def uneven(picture):
    """A picture whose tone is redder in one half and bluer in the other."""
    faded = picture.astype(np.float32)
    faded[:32] += (-2.5, 0, 5)
    faded[32:] += (2.5, 0, -5)
    return np.clip(faded, 0, 255).astype(np.uint8)


def test_sepia_that_has_faded_unevenly_has_one_tone():
    assert find_tone(uneven(SEPIA)) is not None


def test_a_cold_photo_with_faint_colors_has_colors():
    assert find_tone(uneven(SEPIA[..., ::-1])) is None
    assert find_tone(uneven(np.dstack([LEVELS] * 3))) is None


def test_what_was_painted_takes_the_tone_and_nothing_else_changes():
    painted = SEPIA.copy()
    painted[10:20, 50:90] = (200, 40, 40)
    tone = find_tone(SEPIA)
    assert tone is not None
    keep_tone(painted, SEPIA, tone)
    assert (painted[:10] == SEPIA[:10]).all()
    blue, green, red = painted[15, 60].astype(int)
    assert blue < green < red
