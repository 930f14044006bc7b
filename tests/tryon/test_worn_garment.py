"""Drawn garments on drawn people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.flat_garment import flat_garment
from m2fp_cli.tryon.garment_fit import _end_at_wrist, _sleeve_length
from m2fp_cli.tryon.garment_outline import STEPS
from m2fp_cli.tryon.kind import PictureSort
from m2fp_cli.tryon.kinds.top import top_of
from m2fp_cli.tryon.outfit import load_outfit
from m2fp_cli.tryon.sleeves import Limb
from tests.support.drawn_garments import LEFT_ARM, RIGHT_ARM, draw_standing, garment_picture
from tests.support.drawn_joints import FRONT, joints_at
from tests.support.drawn_people import (
    FACE,
    HAIR,
    NECK,
    TOP,
    changed,
    failed_checks,
    record_of,
    wear,
)

COAT, DRESS = 7, 6


def put_on(person, style="", **drawing):
    return wear(person, {"top": flat_garment(garment_picture(style, **drawing))})


def test_each_side_of_the_garment_comes_to_its_side_of_the_body():
    person = draw_standing()
    done = put_on(person)
    assert record_of(done).placed
    assert not failed_checks(record_of(done))
    for x, y, channel in ((-1.2, 6, 0), (1.2, 6, 2), (-1.0, 4.5, 0), (1.0, 8, 2)):
        assert done.image_bgr[person.pixel(x, y)].argmax() == channel
    for side in (-1, 1):
        assert done.image_bgr[person.pixel(side * 3.0, 5.6)].argmax() == 1  # a sleeve


def test_only_the_old_top_and_bare_skin_change():
    person = draw_standing()
    done = put_on(person, sleeve=2.2)
    ids = set(np.unique(person.labels[changed(person, done)]).tolist())
    assert ids <= {0, TOP, NECK, LEFT_ARM, RIGHT_ARM}
    assert (person.labels[changed(person, done)] == 0).mean() < 0.06  # beside the arms
    assert changed(person, done)[person.labels == TOP].mean() > 0.98


def test_a_longer_sleeve_covers_the_arm():
    person = draw_standing(sleeve=2.4)
    forearm = person.pixel(3.55, 9.2)
    assert (put_on(person, sleeve=0.5).image_bgr[forearm] == person.photo_bgr[forearm]).all()
    long = put_on(person, sleeve=2.2)
    assert long.image_bgr[forearm].argmax() == 1
    hand = person.pixel(4.0, 12.3)
    assert (long.image_bgr[hand] == person.photo_bgr[hand]).all()


def test_an_arm_that_a_long_sleeve_misses_is_not_left_bare():
    person = draw_standing(sleeve=2.4)
    labels = person.labels
    labels[person.box(4.4, 7.0, 6.8, 9.4)] = LEFT_ARM  # held out, beside the one that is found
    person = person.with_labels(labels)
    done = put_on(person, sleeve=2.2)
    assert record_of(done).reason == "the arms cannot be followed"
    assert not changed(person, done).any()


def test_a_higher_collar_leaves_skin():
    person = draw_standing(collar=2.75)
    done = put_on(person)
    assert record_of(done).placed
    row, column = person.pixel(0, 2.95)
    neck = person.photo_bgr[person.pixel(0, 2.4)].astype(int)
    assert np.abs(done.image_bgr[row, column].astype(int) - neck).max() < 30


@pytest.mark.parametrize(("change", "reason"), [
    ((TOP, COAT), "a coat is worn"),
    ((TOP, DRESS), "a dress is worn"),
    ((FACE, HAIR), "no face is seen from the front"),
])  # fmt: skip
def test_who_wears_something_else_is_left_alone(change, reason):
    person = draw_standing()
    labels = person.labels
    labels[labels == change[0]] = change[1]
    person = person.with_labels(labels)
    done = put_on(person)
    assert record_of(done).reason == reason
    assert not changed(person, done).any()


@pytest.mark.parametrize(("person", "garment", "reason"), [
    ({"sleeve": 7.4}, {"sleeve": 0.5}, "the sleeves that are worn are longer than the new ones"),
    ({"unit": 6.0}, {}, "the person is too small"),
])  # fmt: skip
def test_what_would_not_look_right_is_left_out(person, garment, reason):
    drawn = draw_standing(**person)
    done = put_on(drawn, **garment)
    assert record_of(done).reason == reason
    assert not changed(drawn, done).any()


def test_a_jacket_shows_what_is_below_it():
    person = draw_standing(collar=2.6)
    collar = person.pixel(0, 2.85)
    done = put_on(person, style="jacket")
    assert record_of(done).placed
    assert (done.image_bgr[collar] == person.photo_bgr[collar]).all()


def test_a_garment_below_an_open_coat():
    person = draw_standing(sleeve=7.4)
    labels = person.labels
    front = np.zeros(labels.shape, np.bool_)
    front[person.box(-0.9, 0, 0.9, 14)] = True
    labels[(labels == TOP) & ~front] = COAT
    person = person.with_labels(labels)
    garment = flat_garment(garment_picture())
    outer = wear(person, load_outfit({"top": garment}))
    assert record_of(outer).reason == "a coat is worn"
    done = wear(person, load_outfit({"top": garment}, layer="inner"))
    assert not failed_checks(record_of(done))
    assert set(np.unique(labels[changed(person, done)]).tolist()) <= {TOP, NECK}
    assert changed(person, done)[labels == TOP].mean() > 0.98
    for x, channel in ((-0.5, 0), (0.5, 2)):
        assert done.image_bgr[person.pixel(x, 6)].argmax() == channel


def test_an_arm_behind_the_back_has_a_sleeve_as_long_as_the_other():
    person = draw_standing(sleeve=2.4)
    labels = person.labels
    labels[person.box(-6, 7.0, -2.3, 14)] = 0  # the forearm is not seen
    person = person.with_labels(labels)
    done = put_on(person, sleeve=2.2)
    bare = (labels == RIGHT_ARM) & ~changed(person, done)
    assert record_of(done).reason or not bare.any()


def test_sleeves_that_cannot_be_of_one_top_are_left_alone():
    person = draw_standing(sleeve=2.4)
    labels = person.labels
    labels[(labels == TOP) & (np.arange(labels.shape[1]) < person.pixel(-2.5, 0)[1])] = RIGHT_ARM
    labels[person.box(2.5, 0, 7, 9.5)] = np.where(
        labels[person.box(2.5, 0, 7, 9.5)] == LEFT_ARM, TOP, labels[person.box(2.5, 0, 7, 9.5)]
    )
    person = person.with_labels(labels)
    done = put_on(person, sleeve=2.2)
    assert record_of(done).reason == "the arms cannot be followed"
    assert not changed(person, done).any()


def test_a_garment_goes_on_beyond_its_hem():
    person = draw_standing(hem=10.2)
    done = put_on(person)
    assert record_of(done).placed
    for x, channel in ((-1.2, 0), (1.2, 2)):
        assert done.image_bgr[person.pixel(x, 9.9)].argmax() == channel


def test_a_picture_is_told_from_a_fabric():
    picture = garment_picture()
    assert hasattr(top_of(picture), "landmarks")
    assert hasattr(top_of(garment_picture(background=250)), "landmarks")
    assert not hasattr(top_of(picture, PictureSort.FABRIC), "landmarks")
    assert not hasattr(top_of(garment_picture(background=120), PictureSort.FABRIC), "landmarks")
    with pytest.raises(UsageError, match=r"one thing on a plain ground.* cut it out"):
        top_of(garment_picture(background=120))


def test_a_cuff_that_is_labelled_as_arm_is_taken_for_the_sleeve():
    person = draw_standing(sleeve=7.0)
    labels = person.labels
    arm = np.isin(labels, (TOP, RIGHT_ARM)) & (
        np.arange(labels.shape[1]) < person.pixel(-2.6, 0)[1]
    )
    end = np.flatnonzero((arm & (labels == TOP)).any(axis=1))[-1]
    cuff = arm & (labels == TOP) & (np.arange(labels.shape[0])[:, None] > end - 20)
    labels[cuff] = RIGHT_ARM
    person = person.with_labels(labels)
    done = put_on(person, sleeve=2.2)
    assert record_of(done).placed
    assert changed(person, done)[cuff].mean() > 0.98


@pytest.mark.parametrize(("skin_end", "length"), [
    (10.0, 7.2),  # no more than a hand below it: the old sleeve ends at the wrist
    (11.5, 9.8),  # a bare forearm: as far as the wrist
    (11.0, 9.4),  # ... and never over a fist
])  # fmt: skip
def test_a_long_sleeve_ends_at_the_wrist(skin_end, length):
    half = np.full(STEPS, 0.6, np.float32)
    joints = np.array([(0, 0), (0, 5), (0, 10)], np.float32)
    limb = Limb(joints, half, half, 10.0, 7.2, skin_end)
    ended = _end_at_wrist((limb, limb), 1.0)[0]
    assert _sleeve_length(9.0, True, limb, 1.0, ended) == pytest.approx(length)


def test_a_hand_at_the_face_is_a_raised_arm():
    person = draw_standing(sleeve=2.4)
    labels = person.labels
    labels[person.box(1.4, -0.6, 2.4, 0.8)] = LEFT_ARM
    person = person.with_labels(labels)
    done = put_on(person, sleeve=2.2)
    assert record_of(done).reason == "an arm is raised"
    assert not changed(person, done).any()


@pytest.mark.parametrize(
    ("wrist", "score", "reason"),
    [
        ((4.0, 11.0), 0.9, ""),  # where the masks have it
        ((1.0, 4.0), 0.9, "the arms cannot be followed"),  # before the chest
        ((1.0, 4.0), 0.3, ""),  # not seen for sure
    ],
)
def test_a_hand_before_the_chest_is_known_by_its_joints(wrist, score, reason):
    person = draw_standing(sleeve=2.4)
    places = {**FRONT, "left_wrist": wrist, "right_wrist": (-4.0, 11.0)}
    joints = joints_at({name: person.pixel(*xy)[::-1] for name, xy in places.items()})
    joints = replace(joints, scores=np.full_like(joints.scores, score))
    result = person.result
    result = replace(result, people=(replace(result.people[0], joints=joints),))
    worn = {"top": flat_garment(garment_picture(sleeve=2.2))}
    assert record_of(try_on(person.photo_bgr, result, worn)).reason == reason
