"""How far drawn heads are turned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.arrays import BoolArray
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.figure import Figure, build_figure
from m2fp_cli.tryon.head_yaw import estimate_yaw, load_weights, sample_joints, sample_sides
from tests.support.drawn_joints import FRONT, joints_at
from tests.support.drawn_people import FACE, HAIR, TOP


def draw_head(shift: int, tilt: float = 0.0) -> tuple[Figure, BoolArray]:
    """Hair, a face shifted in it to the image's right, and a top beneath."""
    y, x = np.mgrid[:240, :240] - 119.5
    x, y = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    labels = np.where((x / 42) ** 2 + ((y + 12) / 50) ** 2 < 1, HAIR, 0)
    labels[(y > 45) & (abs(x) < 70)] = TOP
    labels[((x - shift) / 28) ** 2 + (y / 36) ** 2 < 1] = FACE
    result = result_from_maps(CIHP, labels.astype(np.uint8))
    figure = build_figure(result, result.people[0], (0, 0, 240, 240))
    return figure, figure.mask("Face")


def test_a_face_that_lies_to_one_side_of_its_hair_looks_there():
    yaws = [estimate_yaw(*draw_head(shift), 0.0) for shift in (-12, 0, 12)]
    assert yaws[0] < -10 < yaws[1] < 10 < yaws[2]


def test_a_mirror_image_looks_the_other_way():
    figure, face = draw_head(9)
    turned = replace(figure, label_map=np.ascontiguousarray(figure.label_map[:, ::-1]))
    other = sample_sides(turned, face[:, ::-1], 0.0)
    assert np.abs(sample_sides(figure, face, 0.0) + other).max() < 0.3
    assert estimate_yaw(turned, face[:, ::-1], 0.0) == pytest.approx(
        -estimate_yaw(figure, face, 0.0), abs=2
    )


@pytest.mark.parametrize("tilt", [-0.4, 0.4])
def test_a_head_that_leans_is_turned_no_further(tilt):
    upright = estimate_yaw(*draw_head(9), 0.0)
    assert estimate_yaw(*draw_head(9, tilt), tilt) == pytest.approx(upright, abs=6)


def with_joints(figure: Figure, shift: float, tilt: float = 0.0) -> Figure:
    """Joints of a head of which nose and eyes lie off the middle, U; the face has U = 30."""
    points = {}
    for name, (x, y) in FRONT.items():
        x += 0.0 if "ear" in name else shift
        across, down = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
        points[name] = (119.5 + 30 * across, 110 + 30 * down)
    return replace(figure, joints=joints_at(points))


def test_a_nose_that_lies_nearer_to_one_ear_looks_there():
    figure, face = draw_head(0)
    yaws = [estimate_yaw(with_joints(figure, shift), face, 0.0) for shift in (-0.5, 0, 0.5)]
    assert yaws[0] + 10 < yaws[1] < yaws[2] - 10
    assert -10 < yaws[1] < 10


@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_joints_of_a_mirror_image_are_the_opposite_and_a_lean_changes_nothing(tilt):
    figure, face = draw_head(0)
    seen = sample_joints(with_joints(figure, 0.4, tilt), face, tilt)
    mirrored = sample_joints(with_joints(figure, -0.4, -tilt), face, -tilt)
    assert seen is not None
    assert seen == pytest.approx(sample_joints(with_joints(figure, 0.4), face, 0.0), abs=1e-5)
    assert mirrored == pytest.approx(-seen, abs=1e-5)
    assert sample_joints(figure, face, tilt) is None


def test_there_is_a_weight_for_every_value():
    figure, face = draw_head(0)
    sides, joints = sample_sides(figure, face, 0.0), sample_joints(with_joints(figure, 0), face, 0)
    assert joints is not None
    assert load_weights(with_joints=False).shape == sides.shape
    assert load_weights(with_joints=True).shape == (sides.size + joints.size,)
