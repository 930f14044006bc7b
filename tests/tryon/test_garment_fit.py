"""How a garment goes onto a body, on bodies and garments of straight lines."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.body_shape import BodyShape
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.garment_fit import fit_garment
from m2fp_cli.tryon.garment_outline import LEVELS, STEPS, GarmentLandmarks, Sleeve
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.shoulders import Shoulder, Shoulders
from m2fp_cli.tryon.sleeves import Limb

UNIT = 10.0  # pixels of the maps
LONG = 1.1 * 60 / 120  # of lengths on this body over those of this garment


def points(*rows):
    return np.array(rows, np.float32)


def flat(sleeve=60.0):
    """A garment with shoulders 120 wide and 200 high, in pixels of its picture."""
    width = np.full(STEPS, 20, np.float32)
    sides = np.stack(
        [np.stack((np.full(LEVELS, x), np.linspace(60, 210, LEVELS)), 1) for x in (45.0, 155.0)]
    )
    sleeves = [
        Sleeve(points((x, 20), (x, 50), (x, 80)), width, width, sleeve) for x in (30.0, 170.0)
    ]
    hem = np.stack((np.linspace(45, 155, 5), np.full(5, 210.0)), 1)
    landmarks = GarmentLandmarks(
        points((75, 10), (125, 10)), np.array((100, 40), np.float32),
        points((40, 10), (160, 10)), points((45, 60), (155, 60)),
        sides.astype(np.float32), hem.astype(np.float32), (sleeves[0], sleeves[1]), True,
    )  # fmt: skip
    return FlatGarment(
        "tee", np.zeros((4, 4, 3), np.float32), np.ones((4, 4), np.float32), landmarks
    )


def arm(covered=30.0, skin_end=115.0, x=60.0, sleeve=8.0):
    """An arm 100 long, 6 to either side, with a sleeve of half a width to where it is covered."""
    half = np.where(np.linspace(0, 100, STEPS) <= covered, sleeve, 6).astype(np.float32)
    return Limb(points((x, 0), (x, 50), (x, 100)), half, half, 100.0, covered, skin_end)


def body(left=None, right=None, low=115.0, half=27.5, cut=False):
    """Shoulders 60 wide at row 10, sides straight down to a hem."""
    sides = np.stack(
        [
            np.stack((np.full(LEVELS, 100 + x), np.linspace(37, low, LEVELS)), 1)
            for x in (-half, half)
        ]
    ).astype(np.float32)
    hem = np.stack((np.linspace(100 - half, 100 + half, 5), np.full(5, low)), 1).astype(np.float32)
    one = Shoulder((70.0, 10.0), 10.0, 0.0, True)
    shoulders = Shoulders(one, replace(one, corner_xy=(130.0, 10.0)), 100.0)
    limbs = left or arm(), right or arm(x=140.0)
    corner = points((70, 10), (130, 10))
    return BodyShape(shoulders, corner, sides[:, 0], sides, hem, limbs, cut)


def fit(garment=None, shape=None, collar_y=np.nan, **given):
    return fit_garment(garment or flat(), shape or body(), collar_y, UNIT, **given)


def test_each_landmark_of_a_garment_has_its_place_on_the_body():
    done = fit()
    assert done.scale == pytest.approx(LONG)
    pairs = dict(zip(map(tuple, done.picture.tolist()), done.body.tolist(), strict=True))
    assert pairs[75, 10] == pytest.approx((87.5, 10))  # as far along the shoulder as on it
    assert pairs[40, 10] == [70, 10]
    assert pairs[160, 10] == [130, 10]
    assert pairs[45, 60] == [72.5, 37]
    assert pairs[155, 210] == [127.5, 115]
    assert pairs[100, 210] == [100, 115]
    assert sum(y == 115 for _, y in pairs.values()) == 5
    assert pairs[100, 40] == pytest.approx((100, 10 + 30 * LONG))
    assert (done.stretch, done.is_long) == (1.0, False)


@pytest.mark.parametrize(("old", "jacket", "row"), [
    (np.nan, False, 26.5),
    (40.0, False, 26.5),  # lower than the new one: hidden by it
    (22.0, False, 22.6),  # hardly below the old one
    (11.0, False, 19.9),  # ... but six tenths of its own depth at least
    (22.0, True, 26.5),  # what is below a jacket is seen
])  # fmt: skip
def test_a_neckline_uncovers_hardly_more_than_the_old_one(old, jacket, row):
    done = fit(replace(flat(), is_jacket=jacket), collar_y=old)
    assert done.collar == pytest.approx((100, row), abs=0.01)


@pytest.mark.parametrize(("low", "cut", "seen"), [
    (10 + 110 * 1.2, False, 1.0),
    (10 + 110 * 0.91, False, 1.0),
    (10 + 110 * 0.7, False, (0.7 * 200 - 50) / 150 / 0.9),  # tucked in
    (10 + 110 * 0.7, True, (0.7 * 200 - 50) / 150),
    (10 + 110 * 0.91, True, (0.91 * 200 - 50) / 150),
])  # fmt: skip
def test_what_the_body_has_no_room_for_is_in_the_trousers_or_beyond_the_photo(low, cut, seen):
    done = fit(shape=body(low=low, cut=cut))
    at = int(np.flatnonzero((done.body == (127.5, np.float32(low))).all(axis=1))[0])
    assert done.picture[at] == pytest.approx((155, 60 + 150 * seen), abs=0.01)
    assert done.tucked == pytest.approx((low - 10) / 110)


def test_cloth_of_a_narrow_body_goes_around_it():
    done = fit(shape=body(half=24.2))  # eight tenths of the garment's own width
    on_row = done.body[:, 1] == 37
    order = np.argsort(done.body[on_row, 0])
    share = 0.8 * 0.5 + 0.2 * 0.5**3  # less than half of the cloth is seen in the middle half
    want = 100 + 55 * np.array((-1, -share, 0, share, 1))
    assert done.picture[on_row][order, 0] == pytest.approx(want, abs=0.01)


@pytest.mark.parametrize(("garment", "shape", "reason"), [
    (flat(), body(low=10 + 110 * 1.31), "the top that is worn is much longer"),
    (flat(), body(half=1.45 * 30.25), "the garment would be stretched too much"),
    (flat(), body(arm(30), arm(60, x=140)), "the arms cannot be followed"),
    (flat(), body(arm(50)), "the sleeves that are worn are longer than the new ones"),
    (flat(110), body(arm(sleeve=12)), "the sleeves that are worn are too wide"),
    (flat(110), body(right=arm(x=140, sleeve=12)), "the sleeves that are worn are too wide"),
    (flat(110), body(right=arm(x=102)), "the arms are crossed"),
    (flat(110), body(arm(x=98)), "the arms are crossed"),
])  # fmt: skip
def test_what_would_not_look_right_is_refused(garment, shape, reason):
    with pytest.raises(NotWearable, match=reason):
        fit(garment, shape)


@pytest.mark.parametrize(("sleeve", "covered", "skin_end", "length"), [
    (60, 30, 115, 30),  # about as long: where the old one ends
    (60, 45, 115, 45),
    (60, 20, 115, 60 * LONG),  # longer: its own length
    (90, 30, 115, 90 * LONG),
    (110, 30, 115, 98),  # a long one: to the wrist
    (110, 30, 90, 74),  # ... but never over a fist
    (110, 30, 80, 98),  # skin that ends far above the wrist goes on in a pocket
    (110, 75, 104, 75),  # ... or where the old one ends, if that is no more than a hand above
])  # fmt: skip
def test_a_sleeve_is_as_long_as_the_old_one_or_as_its_own(sleeve, covered, skin_end, length):
    arms = (arm(covered, skin_end, x=x) for x in (60.0, 140.0))
    done = fit(flat(sleeve), body(*arms))
    assert done.sleeve_length == pytest.approx((length, length))


def test_sleeves_below_a_coat_have_their_own_length():
    done = fit(flat(110), body(arm(30), arm(80)), sleeves=False)
    assert done.sleeve_length == pytest.approx((110 * LONG, 110 * LONG))
    assert done.is_long


def test_short_sleeves_that_differ_by_little_are_of_one_top():
    done = fit(flat(50), body(arm(5), arm(12, x=140)))
    assert done.sleeve_length == pytest.approx((50 * LONG, 50 * LONG))


@pytest.mark.parametrize(("skin_end", "is_refused"), [(52, True), (59, False)])
def test_a_long_sleeve_over_a_short_arm_covers_two_thirds_of_it(skin_end, is_refused):
    short = replace(arm(10, skin_end), length=60.0)  # a fist begins at 36, or at 43
    with pytest.raises(NotWearable, match="followed") if is_refused else nullcontext():
        fit(flat(110), body(short, replace(short, joints=arm(x=140).joints)))


@pytest.mark.parametrize(("left", "right", "lengths"), [
    ((84, 115), (55, 115), (84, 98)),  # a sleeve to the wrist, and one that is rolled up
    ((84, 115), (70, 115), (98, 98)),  # about equally long: neither ends at the wrist
    ((70, 115), (65, 90), (98, 74)),  # nor does one whose longer fellow ends above it
])  # fmt: skip
def test_whether_a_sleeve_ends_at_the_wrist_the_other_arm_tells(left, right, lengths):
    done = fit(flat(110), body(arm(*left), replace(arm(*right), joints=arm(x=140).joints)))
    assert done.sleeve_length == pytest.approx(lengths)
