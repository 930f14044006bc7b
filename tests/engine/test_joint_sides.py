"""Sides by joints: against exact distances, and on drawn people."""

from __future__ import annotations

import numpy as np

from m2fp_cli.engine.joint_sides import (
    assign_sides_by_joints,
    limb_chains,
    sides_by_joints,
)
from m2fp_cli.records.joints import JOINT_NAMES, Joints, distance_to_chain
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.masks import Mask

ARMS = {(14, 15): ((0, 1, 2), (3, 4, 5))}


def test_a_pixel_gets_the_side_of_the_nearer_limb():
    rng = np.random.default_rng(0)
    for height, width in ((301, 160), (40, 333), (7, 5)):
        labels = rng.choice(np.array((0, 5, 14, 15), np.uint8), (height, width))
        joints = rng.uniform(-0.2, 1.2, (6, 2)) * (width, height)
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
        left, right = (distance_to_chain(pixels, joints[i : i + 3]) for i in (0, 3))
        lead = (right - left).reshape(height, width)
        sided, limb = sides_by_joints(labels, joints, ARMS), labels >= 14
        assert (sided[~limb] == labels[~limb]).all()
        clear = limb & (np.abs(lead) > 0.03 * max(height, width))
        assert (sided == np.where(lead > 0, 14, 15))[clear].all()


def test_crossed_legs_get_the_side_of_the_joints_they_lie_on():
    labels = np.full((100, 60), 16, np.uint8)
    joints = np.array([[10.0, 0.0], [50.0, 99.0], [50.0, 0.0], [10.0, 99.0]])
    sided = sides_by_joints(labels, joints, {(16, 17): ((0, 1), (2, 3))})
    assert sided[5, 10] == sided[95, 50] == 16
    assert sided[5, 50] == sided[95, 10] == 17


def test_a_limb_in_the_middle_of_a_person_is_compared_with_joints_in_their_pixels():
    labels = np.zeros((60, 80), np.uint8)
    labels[30:50, 40:44], labels[30:50, 60:64] = 15, 14
    left, right = ([[x, y] for y in (30.0, 40.0, 49.0)] for x in (42, 62))
    sided = sides_by_joints(labels, np.array(left + right), ARMS)
    assert (sided[30:50, 40:44] == 14).all()
    assert (sided[30:50, 60:64] == 15).all()


def test_everybody_has_sides_of_their_own():
    labels = np.zeros((40, 90), np.uint8)
    labels[10:30, 5:25], labels[10:30, 35:55], labels[10:30, 65:85], labels[2:5, 58] = (
        14,
        14,
        14,
        15,
    )
    masks = [Mask.from_full((labels == 14) & (np.arange(90) // 30 == side)) for side in (0, 1, 2)]
    facing, turned = (Joints(np.full((33, 2), np.nan), np.ones(33), 1.0) for _ in range(2))
    facing.points[[11, 13, 12, 14]] = (20, 10), (20, 29), (9, 10), (9, 29)
    turned.points[[11, 13, 12, 14]] = (38, 10), (38, 29), (51, 10), (51, 29)
    sided = assign_sides_by_joints(labels, masks, [facing, turned, None], CIHP)
    assert (sided[20, [6, 24, 36, 54, 66, 84]] == (15, 14, 14, 15, 14, 14)).all()
    assert (sided[2:5, 58] == 15).all()  # nobody's
    assert (labels[10:30, 5:25] == 14).all()


def test_limbs_are_known_by_their_names():
    chains = limb_chains(CIHP)
    assert set(chains) == set(CIHP.side_pairs())
    named = {
        CIHP.names[label]: " ".join(JOINT_NAMES[joint] for joint in chain)
        for pair, both in chains.items()
        for label, chain in zip(pair, both, strict=True)
    }
    assert named["Left-arm"] == "left_shoulder left_elbow left_wrist left_index"
    assert named["Right-leg"] == "right_hip right_knee right_ankle"
    assert named["Left-shoe"] == "left_ankle left_heel left_foot_index"
