"""Which joints can be relied on, by the joint network and the parse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.exports.seen_joints import HIDDEN, SEEN, UNKNOWN, see_joints, why_unknown
from m2fp_cli.records.joints import JOINT_NAMES
from m2fp_cli.records.labels import LabelSet
from tests.support.posed import PLACES, at, drawn_joints, posed_photo

HEAD = ("nose", "left_eye", "right_eye", "mouth_left", "mouth_right")


def named(result, person):
    found = see_joints(result, person)
    assert found is not None
    return dict(zip(JOINT_NAMES, found.seen.tolist(), strict=True))


def seen(**joints):
    """What is made of each joint of a drawn person."""
    result = posed_photo(**joints).result
    return named(result, result.people[0])


def test_every_joint_of_somebody_who_is_seen_whole_is_seen():
    assert {seen()[name] for name in PLACES} == {SEEN}


@pytest.mark.parametrize(("score", "expected"), [(0.5, SEEN), (0.4, HIDDEN), (0.1, UNKNOWN)])
def test_a_score_says_whether_a_joint_is_seen_hidden_or_unknown(score, expected):
    assert seen(scores={"left_wrist": score})["left_wrist"] == expected


@pytest.mark.parametrize("place", [(150, 420), (-1, 200), (600, 200)])
def test_a_joint_outside_the_photo_is_unknown(place):
    assert seen(left_wrist=place)["left_wrist"] == UNKNOWN


def test_a_joint_far_from_the_person_is_hidden_and_one_beside_them_is_seen():
    x, y = at("left_wrist")
    assert seen(left_wrist=(x + 20, y))["left_wrist"] == SEEN
    assert seen(left_wrist=(x + 40, y))["left_wrist"] == HIDDEN


def test_somebody_without_a_face_has_ears_but_no_eyes_and_no_nose():
    photo = posed_photo()
    labels, labelset = photo.result.semantic_map.copy(), photo.result.labels
    labels[labels == labelset.id_of("Face")] = labelset.id_of("Hair")
    result = result_from_maps(labelset, labels)
    found = named(result, replace(result.people[0], joints=drawn_joints()))
    assert {found[name] for name in HEAD} == {UNKNOWN}
    assert found["left_ear"] == found["right_ear"] == SEEN


def test_a_model_without_a_label_for_faces_says_nothing_about_noses():
    photo = posed_photo()
    plain = LabelSet(("Background", "Body"), None)
    result = result_from_maps(plain, (photo.result.semantic_map > 0).astype(np.uint8))
    found = named(result, replace(result.people[0], joints=drawn_joints()))
    assert set(found.values()) == {SEEN}


@pytest.mark.parametrize("turn", [1, -1])
def test_the_far_ear_of_a_profile_is_hidden_by_the_head(turn):
    x, y = at("nose")
    found = seen(nose=(x + 12 * turn, y), left_ear=(x + 2, y - 6), right_ear=(x - 2, y - 6))
    near, far = ("right_ear", "left_ear") if turn > 0 else ("left_ear", "right_ear")
    assert (found[near], found[far]) == (SEEN, UNKNOWN)


def test_a_head_that_lies_on_its_side_hides_the_same_ear():
    x, y = at("nose")
    lying = {"left_eye": (x - 8, y - 6), "right_eye": (x - 8, y + 6)}
    lying |= {"mouth_left": (x + 8, y - 5), "mouth_right": (x + 8, y + 5)}
    found = seen(**lying, left_ear=(x - 4, y - 1), right_ear=(x - 4, y + 14))
    assert (found["left_ear"], found["right_ear"]) == (UNKNOWN, SEEN)


def test_why_somebody_has_no_joints_is_said():
    person = posed_photo().result.people[0]
    assert why_unknown(person, looked_for=True) is None
    unseen = replace(person, joints=drawn_joints(score=0.4))
    assert see_joints(posed_photo().result, unseen) is None
    without = replace(person, joints=None)
    for one, looked_for, reason in (
        (unseen, True, "not seen by the joint network"),
        (without, False, "parsed by an older m2fp (parse again)"),
        (without, True, "too small"),
    ):
        assert why_unknown(one, looked_for=looked_for) == reason
