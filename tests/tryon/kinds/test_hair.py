from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.kinds.hair import COLORS, load_hair
from m2fp_cli.tryon.oklab import of_oklab, to_oklab
from tests.support.drawn_people import (
    FACE,
    HAIR,
    HAT,
    changed,
    draw_person,
    failed_checks,
    record_of,
    values_of,
    wear,
)

BROWN = (50, 75, 110)


def draw_haired(color=BROWN, **drawing):
    """A drawn person with strands in their hair."""
    person = draw_person(**drawing)
    hair = person.labels == HAIR
    strands = 1 + 0.3 * np.sin(np.arange(hair.shape[1]) * 0.9)[None] * np.ones(hair.shape)
    person.photo_bgr[hair] = np.clip(strands[hair][:, None] * color, 0, 255)
    return person


def lightness(picture, part):
    return to_oklab(to_linear(picture))[part][:, 0]


def test_hair_takes_the_color_and_keeps_its_strands():
    person = draw_haired()
    done = wear(person, {"hair": "#7a3b22"})
    hair = person.labels == HAIR
    assert not failed_checks(record_of(done))
    assert np.median(done.image_bgr[hair], axis=0)[::-1] == pytest.approx((122, 59, 34), abs=16)
    before, after = (lightness(p, hair) for p in (person.photo_bgr, done.image_bgr))
    assert np.corrcoef(before, after)[0, 1] > 0.9


def test_face_hat_and_ground_away_from_the_hair_stay():
    person = draw_haired(hat=True)
    touched = changed(person, wear(person, {"hair": "copper"}))
    near = cv2.dilate((person.labels == HAIR).astype(np.uint8), np.ones((15, 15))) > 0
    assert not touched[~near].any()
    assert not touched[person.labels == HAT].any()
    assert touched[person.labels == FACE].mean() < 0.15


def test_a_label_that_is_too_large_does_not_color_the_ground():
    person = draw_haired()
    labels = person.labels
    ground = (labels == 0) & (np.arange(labels.shape[0])[:, None] < person.pixel(0, -0.5)[0])
    wider = (cv2.dilate((labels == HAIR).astype(np.uint8), np.ones((7, 7))) > 0) & ground
    rim = wider & (cv2.dilate((labels == HAIR).astype(np.uint8), np.ones((3, 3))) == 0)
    labels[wider] = HAIR
    done = wear(person.with_labels(labels), {"hair": "#801020"})
    apart = np.abs(done.image_bgr[rim].astype(int) - person.photo_bgr[rim])
    assert np.median(apart) < 6


def test_black_hair_becomes_lighter_only_as_far_as_looks_real():
    person = draw_haired(color=(25, 25, 28))
    done = wear(person, {"hair": "platinum"})
    assert any("too dark" in note for note in record_of(done).notes)
    hair = lightness(done.image_bgr, person.labels == HAIR)
    assert 0.25 < np.median(hair) < 0.5
    assert not any("too dark" in note for note in record_of(wear(person, {"hair": "black"})).notes)


@pytest.mark.parametrize(("color", "reason"), [("blond", True), ("#000000", False)])
def test_black_hair_without_detail_becomes_no_lighter(color, reason):
    person = draw_haired()
    person.photo_bgr[person.labels == HAIR] = 3
    done = wear(person, {"hair": color})
    assert record_of(done).reason == ("the hair is too dark to show strands" if reason else "")
    assert not (reason and changed(person, done).any())


def test_a_piece_of_hair_within_the_face_is_a_beard():
    person = draw_haired()
    labels = person.labels
    beard = person.box(-0.2, 1.3, 0.2, 1.7)
    labels[beard] = HAIR
    done = wear(person.with_labels(labels), {"hair": "blue"})
    assert not changed(person, done)[beard].any()


def test_a_photo_without_colors_gets_none():
    person = draw_haired()
    person.photo_bgr[:] = cv2.cvtColor(person.photo_bgr, cv2.COLOR_BGR2GRAY)[..., None]
    done = wear(person, {"hair": "#d02020"})
    assert changed(person, done).any()
    assert np.ptp(done.image_bgr.astype(int), axis=2).max() <= 1
    assert any("one tone" in note for note in record_of(done).notes)


def test_who_has_no_hair_is_left_alone():
    person = draw_person()
    labels = person.labels
    labels[labels == HAIR] = 0
    done = wear(person.with_labels(labels), {"hair": "copper"})
    assert record_of(done).reason == "no hair is visible"
    assert not changed(person, done).any()


def test_colors_have_names_and_may_be_pictures(tmp_path):
    assert load_hair("Copper").light_bgr == pytest.approx(load_hair(COLORS["copper"]).light_bgr)
    cv2.imwrite(str(tmp_path / "strand.png"), np.full((40, 40, 3), BROWN, np.uint8))
    assert load_hair(str(tmp_path / "strand.png")).light_bgr == pytest.approx(
        to_linear(np.array([[BROWN]], np.uint8))[0, 0], abs=1e-4
    )
    with pytest.raises(UsageError, match="is not a color for hair: give #rrggbb, one of black"):
        load_hair("mauvish")


def test_oklab_is_as_published():
    white, red = (np.array([[color]], np.float32) for color in ((1, 1, 1), (0, 0, 1)))
    assert to_oklab(white)[0, 0] == pytest.approx((1, 0, 0), abs=1e-3)
    assert to_oklab(red)[0, 0] == pytest.approx((0.628, 0.225, 0.126), abs=1e-3)
    assert of_oklab(to_oklab(red))[0, 0] == pytest.approx((0, 0, 1), abs=1e-3)


def test_dark_photos_take_darker_colors():
    person = draw_haired()
    dim = (person.photo_bgr * 0.4).astype(np.uint8)
    bright, dark = wear(person, {"hair": "copper"}), None
    person.photo_bgr[:] = dim
    dark = wear(person, {"hair": "copper"})
    hair = person.labels == HAIR
    assert np.median(lightness(dark.image_bgr, hair)) < np.median(lightness(bright.image_bgr, hair))
    assert values_of(record_of(dark))["strands_kept_r"] > 0.8


def test_blond_that_is_not_reached_is_brown_and_not_olive():
    person = draw_haired(color=(25, 25, 28))
    done = wear(person, {"hair": "#d0b070"})
    hair = to_oklab(to_linear(done.image_bgr))[person.labels == HAIR]
    a, b = np.median(hair[:, 1:], axis=0)
    assert np.degrees(np.arctan2(b, a)) < 70
