"""Who is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.records.masks import Mask
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.head import SkipReason
from m2fp_cli.tryon.recognized import why_left_alone
from tests.support.drawn_joints import joints_at
from tests.support.drawn_people import (
    FACE,
    HAIR,
    TOP,
    changed,
    draw_person,
    make_wearer,
    record_of,
    wear,
)
from tests.support.dressed import draw_dressed, dressed_result, label_mask

LIMBS = ("Left-arm", "Right-arm", "Left-leg", "Right-leg", "Torso-skin")


def test_what_has_neither_head_nor_arms_is_left_alone():
    drawn = draw_person()
    labels = np.where(drawn.labels == TOP, TOP, 0).astype(np.uint8)  # such as a flag
    alone = drawn.with_labels(labels)
    done = wear(alone, {"top": "#a01830"})
    assert record_of(done).reason == "neither head nor arms are visible"
    assert not changed(alone, done).any()


@pytest.mark.parametrize(("score", "reason"), [
    (0.49, "the network is not sure that this is a person"), (0.51, "")
])  # fmt: skip
def test_what_may_not_be_a_person_is_left_alone(score, reason):
    drawn = draw_person()
    person = replace(drawn.result.people[0], score=score)
    doubted = replace(drawn, result=replace(drawn.result, people=(person,)))
    assert record_of(wear(doubted, {"top": "#a01830"})).reason == reason


@pytest.mark.parametrize(("score", "presence", "face", "dressed"), [
    (0.7, 0.0, False, False), (0.7, 0.6, False, True), (0.81, 0.0, False, True),
    (0.7, 0.0, True, True), (0.7, None, False, True),
])  # fmt: skip
def test_where_joints_see_nobody_a_higher_score_or_a_face_is_needed(score, presence, face, dressed):
    result = dressed_result(draw_dressed())
    joints = None if presence is None else joints_at({}, presence)
    person = replace(result.people[0], score=score, joints=joints)
    reason = "" if dressed else "the network is not sure that this is a person"
    frame = replace(make_wearer(draw_person()).frame, confidence=0.9)
    found = why_left_alone(person, result.labels, frame if face else SkipReason.NO_FACE)
    assert found == reason


def test_who_is_found_where_nearly_nothing_has_a_label_is_left_alone():
    drawn = draw_person()
    labels = np.where(np.isin(drawn.labels, (FACE, TOP)), 0, drawn.labels).astype(np.uint8)
    alone = drawn.with_labels(labels)  # hair and a neck
    person = replace(alone.result.people[0], mask=Mask.from_full(np.ones(labels.shape, np.bool_)))
    doubted = replace(alone, result=replace(alone.result, people=(person,)))
    reason = "too few body parts are recognized"
    assert record_of(wear(doubted, {"hair": "copper"})).reason == reason
    assert record_of(wear(alone, {"hair": "copper"})).placed


@pytest.mark.parametrize(("without", "reason"), [
    ((), ""),  # cut off above the arms, as in a photo that shows trousers
    (("Left-shoe", "Right-shoe", "Left-leg", "Right-leg"), "neither head nor arms are visible"),
])  # fmt: skip
def test_legs_with_feet_are_somebody(without, reason):
    upper = ("Hair", "Face", "Torso-skin", "Left-arm", "Right-arm", "UpperClothes")
    result = dressed_result(draw_dressed(without=(*upper, *without)))
    photo = np.full((*result.image_hw, 3), 120, np.uint8)
    assert record_of(try_on(photo, result, {"bottom": "#a01830"})).reason == reason


@pytest.mark.parametrize(("hair", "reason"), [
    ((30, 60, 110), "this looks like an animal"), ((20, 20, 25), "")
])  # fmt: skip
def test_fur_is_left_alone(hair, reason):
    labels = draw_dressed(without=("UpperClothes", "Pants", "Face"))
    result = dressed_result(labels)
    photo = np.full((*labels.shape, 3), 200, np.uint8)
    photo[label_mask(labels, *LIMBS)] = 30, 60, 110
    photo[labels == HAIR] = hair
    done = try_on(photo, result, {"hat": "beanie", "hair": "copper"})
    reasons = [item.reason for item in done.people[0].items]
    assert reasons == ([reason] * 2 if reason else ["no face is visible", ""][::-1])
    assert np.array_equal(done.image_bgr, photo) == bool(reason)
