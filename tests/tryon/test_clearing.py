"""What goes to make room for a hat, and what must stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.fitting import try_on
from tests.support.drawn_people import HAIR, HAT, changed, draw_person, record_of, wear


def green_pixels(picture):
    return ((picture[..., 1] > 130) & (picture[..., [0, 2]].max(axis=2) < 90)).sum()


@pytest.mark.parametrize("times", [1, 4])
def test_an_old_hat_does_not_show_beside_the_new_one(times):
    drawn = draw_person(hat=True).enlarged(times)
    done = wear(drawn, {"hat": "fedora"})
    assert record_of(done).placed
    assert green_pixels(done.image_bgr) < 0.01 * (times * drawn.unit) ** 2


def test_hair_too_full_for_a_hat_is_left_alone():
    drawn = draw_person()
    labels = drawn.labels
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    around = np.hypot(x - drawn.eyes_xy[0], y - drawn.eyes_xy[1] + 0.5 * drawn.unit)
    labels[(around < 2.9 * drawn.unit) & (labels == 0)] = HAIR
    done = wear(drawn.with_labels(labels), {"hat": "beanie"})
    assert record_of(done).reason == "the hair is too full for the hat"
    assert not changed(drawn, done).any()


def test_an_old_hat_that_is_too_large_is_left_alone():
    drawn = draw_person(hat=True)
    labels = drawn.labels
    labels[drawn.box(-3, -2.5, 3, -1.4)] = HAT
    done = wear(drawn.with_labels(labels), {"hat": "beanie"})
    assert record_of(done).reason == "the hat that is worn is larger than the new one"
    assert not changed(drawn, done).any()


def test_the_hair_of_a_second_head_in_the_same_mask_stays():
    drawn = draw_person()
    photo, labels = drawn.photo_bgr.copy(), drawn.labels
    place = (round(drawn.eyes_xy[0] + 4.2 * drawn.unit), round(drawn.eyes_xy[1]))
    cv2.circle(photo, place, 15, (35, 40, 50), -1)
    cv2.circle(labels, place, 15, (HAIR,), -1)
    done = try_on(photo, result_from_maps(CIHP, labels), {"hat": "fedora"})
    assert record_of(done).placed
    around = np.s_[place[1] - 20 : place[1] + 21, place[0] - 20 : place[0] + 21]
    assert np.array_equal(done.image_bgr[around], photo[around])


def test_an_old_hat_beside_the_face_becomes_hair_and_not_background():
    drawn = draw_person(hat=True)
    labels = drawn.labels
    temple = (round(drawn.eyes_xy[0] + 1.12 * drawn.unit), round(drawn.eyes_xy[1]))
    for picture, value in ((drawn.photo_bgr, (60, 160, 60)), (labels, (HAT,))):
        cv2.circle(picture, temple, round(0.13 * drawn.unit), value, -1)
    done = wear(drawn.with_labels(labels), {"hat": "fedora"})
    assert "the old hat was painted over" in " ".join(record_of(done).notes)
    assert done.image_bgr[temple[1], temple[0]].max() < 90


def test_a_sliver_of_hat_at_the_hair_is_no_hat():
    drawn = draw_person()
    labels = drawn.labels
    y, x = drawn.pixel(1.3, 0)
    labels[y : y + 8, x : x + 3] = HAT
    record = record_of(wear(drawn.with_labels(labels), {"hat": "fedora"}))
    assert not any("old hat" in note for note in record.notes)
    assert all(check.ok for check in record.checks if check.name == "old_hat_covered")
