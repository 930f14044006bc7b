from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.kinds.shoes import load_shoes
from m2fp_cli.tryon.oklab import to_oklab
from tests.support.drawn_garments import draw_standing
from tests.support.drawn_people import changed, failed_checks, record_of, wear

LEFT_SHOE, RIGHT_SHOE, LEFT_LEG = 18, 19, 16
SKIN = (140, 170, 215)


def draw_shod(leather=(60, 70, 95)):
    """Somebody in shoes with laces; their face is of ``SKIN``."""
    person = draw_standing()
    labels = person.labels
    for left, label in ((-2.0, RIGHT_SHOE), (0.2, LEFT_SHOE)):
        shoe = person.box(left, 10, left + 1.8, 11.2)
        labels[shoe] = label
        person.photo_bgr[shoe] = leather
        person.photo_bgr[shoe][4::8] = np.array(leather) // 2
    return person.with_labels(labels)


def test_shoes_take_the_color_and_keep_their_laces():
    person = draw_shod()
    done = wear(person, {"shoes": "#8c1f24"})
    shoes = np.isin(person.labels, (LEFT_SHOE, RIGHT_SHOE))
    touched = changed(person, done)
    assert not failed_checks(record_of(done))
    assert touched[shoes].mean() > 0.9
    assert not touched[cv2.dilate(shoes.astype(np.uint8), np.ones((9, 9))) == 0].any()
    inside = done.image_bgr[person.box(0.5, 10.3, 1.7, 11.0)]
    assert np.median(inside, axis=(0, 1))[::-1] == pytest.approx((140, 31, 36), abs=24)
    assert inside[..., 2].std() > 8


def test_toes_in_sandals_stay_skin():
    person = draw_shod()
    toes = person.box(0.6, 10.4, 1.3, 10.9)
    person.photo_bgr[toes] = SKIN
    done = wear(person, {"shoes": "#2040a0"})
    assert np.median(np.abs(done.image_bgr[toes].astype(int) - SKIN)) < 5
    assert "skin within the shoes was left as it is" in record_of(done).notes


def test_black_shoes_do_not_become_white():
    person = draw_shod(leather=(30, 30, 32))
    done = wear(person, {"shoes": "#ffffff"})
    inside = to_oklab(to_linear(done.image_bgr[person.box(0.4, 10.2, 1.8, 11.0)]))[..., 0]
    assert 0.4 < np.median(inside) < 0.7
    assert any("too dark" in note for note in record_of(done).notes)


def test_who_shows_no_shoes_is_left_alone():
    person = draw_standing()
    assert record_of(wear(person, {"shoes": "#ffffff"})).reason == "no shoes are visible"
    labels = person.labels
    labels[person.box(0, 10, 0.2, 10.2)] = LEFT_SHOE
    done = wear(person.with_labels(labels), {"shoes": "#ffffff"})
    assert record_of(done).reason == "too little of the shoes is visible"


def test_the_ground_of_a_product_is_not_its_color(tmp_path):
    photo = np.full((300, 400, 3), 250, np.uint8)
    photo[120:200, 80:320] = (30, 30, 150)
    cv2.imwrite(str(tmp_path / "shoe.png"), photo)
    found = load_shoes(str(tmp_path / "shoe.png")).light_bgr
    assert found == pytest.approx(to_linear(photo[150:151, 200:201])[0, 0], abs=0.02)


def test_shoes_have_a_color_or_a_picture():
    with pytest.raises(UsageError, match="red is not a color for shoes: give #rrggbb or a picture"):
        load_shoes("red")
