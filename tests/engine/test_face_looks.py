"""What is made of the face network's answers: angles, scores, and where it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from m2fp_cli.engine import faces
from m2fp_cli.engine.faces import cut_square, find_faces
from m2fp_cli.network.face_network import INPUT_SIDE
from m2fp_cli.records.face import Face
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.masks import Mask
from tests.support.drawn_joints import joints_at

BLACK = np.zeros((400, 400, 3), np.uint8)
EYES = np.array((0.5, 0.42)) * INPUT_SIDE  # where a square has them
SIDES = {"left": (263, 362, 291, 454, 356, 323, 361, 288, 397)}
SIDES["right"] = (33, 133, 61, 234, 127, 93, 132, 58, 172)
FOREHEAD, CHIN = 10, 152
MOUTH = ("mouth_left", "mouth_right")

Answer = tuple[torch.Tensor, torch.Tensor]


def head(yaw: float = 0, pitch: float = 0, roll: float = 0, presence: float = 0.9) -> Answer:
    """A mesh whose two sides, forehead and chin are turned so many degrees."""
    yaw, pitch, roll = map(math.radians, (yaw, pitch, roll))
    mesh = np.zeros((468, 3))
    side = 25 * np.array((math.cos(yaw), 0, math.sin(yaw)))
    mesh[list(SIDES["left"])], mesh[list(SIDES["right"])] = side, -side
    mesh[CHIN] = 60 * np.array((0, math.cos(pitch), -math.sin(pitch)))
    mesh[FOREHEAD] = -mesh[CHIN] / 2
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    mesh[:, :2] = mesh[:, :2] @ turn + EYES
    return torch.from_numpy(mesh[None]).float(), torch.tensor([presence])


def unsure(presence: float) -> list[Answer]:
    """Three looks at one face."""
    return [head(presence=presence) for _ in range(3)]


@pytest.fixture
def answering(monkeypatch) -> Callable[[list[Answer]], list[Answer]]:
    """Has a network give these answers, and no other; what is left of them is not asked for."""

    def answer(answers: list[Answer]) -> list[Answer]:
        monkeypatch.setattr(faces, "load_face_network", lambda: lambda _: answers.pop(0))
        return answers

    return answer


def eyes(ears: float = 0.0) -> Joints:
    """Eyes 20 pixels apart, the mouth 20 below them, and the ears."""
    parts, sides = ("", "_inner", "_outer"), (("left", 10), ("right", -10))
    places = {f"{side}_eye{part}": (200 + x, 200) for side, x in sides for part in parts}
    mouth = dict(zip(MOUTH, ((205, 220), (195, 220)), strict=True))
    beside = {"left_ear": (200 + ears / 2, 200), "right_ear": (200 - ears / 2, 200)}
    return joints_at({**places, **mouth, **beside})


def labelled() -> Mask:
    full = np.zeros((400, 400), np.bool_)
    full[180:240, 180:220] = True
    return Mask.from_full(full)


def face_of(joints: Joints | None, mask: Mask | None = None) -> Face:
    (face,) = find_faces(BLACK, (400, 400), [joints], [mask])
    assert face is not None
    return face


def test_a_head_that_is_turned_nods_and_tilts_has_these_angles_and_the_lowest_score(answering):
    answering([head(20, 15, 30, 0.9), head(20, 15, 0, 0.8), head(-20, 15, 0, 0.7)])
    face = face_of(eyes())
    assert (face.yaw, face.pitch, face.roll) == pytest.approx((20, 15, 30), abs=0.01)
    assert face.score == pytest.approx(0.7)


def test_a_sure_face_is_not_looked_for_in_the_label_map(answering):
    left = answering([*unsure(0.9), head()])
    assert face_of(eyes(), labelled()).score == pytest.approx(0.9)
    assert len(left) == 1


def test_the_likeliest_face_is_kept_where_none_is_sure(answering):
    left = answering([*unsure(0.4), *unsure(0.3), *unsure(0.2), *unsure(0.3)])
    assert face_of(eyes(), labelled()).score == pytest.approx(0.4)
    assert left == []


def test_where_nothing_is_like_a_face_no_other_size_is_tried(answering):
    left = answering([head(presence=0.05), head()])
    assert face_of(None, labelled()).score == pytest.approx(0.05)
    assert len(left) == 1


@pytest.mark.parametrize(("ears", "unit"), [(0, 20), (78, 30)])
def test_of_a_head_from_the_side_the_ears_say_how_large_it_is(ears, unit, answering):
    answering([head(presence=0.05)])
    face = face_of(eyes(ears))
    assert math.dist(face.point("left_eye"), face.point("right_eye")) == pytest.approx(
        unit * 3.9 * 50 / INPUT_SIDE
    )


def test_eyes_one_behind_the_other_leave_the_tilt_to_the_mouth(answering):
    answering([head(presence=0.05)])
    eye_names = [f"{s}_eye{part}" for s in SIDES for part in ("", "_inner", "_outer")]
    below = (200 - 20 * math.sin(0.5), 200 + 20 * math.cos(0.5))
    places = dict.fromkeys(eye_names, (200.0, 200.0)) | dict.fromkeys(MOUTH, below)
    assert face_of(joints_at(places)).roll == pytest.approx(math.degrees(0.5))


@pytest.mark.parametrize("reduced", [1, 2])
def test_the_label_map_says_where_the_eyes_are_in_pixels_of_the_photo(reduced, answering):
    answering([head(presence=0.05)])
    (face,) = find_faces(BLACK[::reduced, ::reduced], (400, 400), [None], [labelled()])
    assert face is not None
    root = math.sqrt(60 * 40)
    assert face.eyes_xy == pytest.approx((200, 210 - 0.16 * root), abs=1e-3)
    assert face.unit == pytest.approx(0.45 * root * 3.9 * 50 / INPUT_SIDE, abs=1e-3)


def test_a_large_face_is_reduced_and_not_picked_from():
    y, x = np.mgrid[:2000, :2000]
    board = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    square, _ = cut_square(board, (1000.0, 1000.0), 1500.0, 0.2)
    assert np.abs(square.astype(int) - 127).max() < 20
