"""Where masks and joints expect the eyes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.eyes import Prior
from m2fp_cli.tryon.face_shape import prior_with_joints
from m2fp_cli.tryon.figure import build_figure
from tests.support.drawn_joints import joints_at

PRIOR = Prior((40.0, 30.0), 20.0, sigma_xy=(0.25, 0.45))


@pytest.mark.parametrize(("eyes", "presence", "moved_to"), [
    ((50, 40), 0.9, (48, 38)),  # four fifths of the way
    ((50, 40), 0.4, None),  # the network doubts that there is a person
    ((75, 30), 0.9, None),  # somebody else's: farther than 1.5 U
])  # fmt: skip
def test_joints_move_where_eyes_are_expected_and_narrow_it(eyes, presence, moved_to):
    x, y = 100 + 2 * eyes[0], 60 + 2 * eyes[1]  # a window at (100, 60), every other pixel
    joints = joints_at({"left_eye": (x + 9, y), "right_eye": (x - 9, y)}, presence)
    result = result_from_maps(CIHP, np.full((400, 400), 13, np.uint8))
    person = replace(result.people[0], joints=joints)
    found = prior_with_joints(PRIOR, build_figure(result, person, (100, 60, 300, 260), 2))
    expected = replace(PRIOR, center_xy=moved_to, sigma_xy=(0.1, 0.18)) if moved_to else PRIOR
    assert (*found.center_xy, *found.sigma_xy) == pytest.approx(
        (*expected.center_xy, *expected.sigma_xy)
    )


def test_without_joints_the_masks_say_it_alone():
    result = result_from_maps(CIHP, np.full((40, 40), 13, np.uint8))
    figure = build_figure(result, result.people[0], (0, 0, 40, 40))
    assert prior_with_joints(PRIOR, figure) is PRIOR
