"""Heads against annotated points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.head import HeadFrame
from tests.support.drawn_people import DrawnPerson, draw_person
from training.head_benchmark import AnnotatedHead, is_in, print_counts, read_head


def annotated(drawn: DrawnPerson, along: float = 0.0, eyes: int = 2) -> np.ndarray:
    """Nose, eyes and ears of a drawn person, U beside their places."""
    places = np.array([(0, 0.6), (0.5, 0), (-0.5, 0), (1.17, 0.2), (-1.17, 0.2)])
    places[:, 0] += along
    seen = np.array([2, 2 * (eyes > 0), 2 * (eyes > 1), 2, 2])
    return np.column_stack((places * drawn.unit + drawn.eyes_xy, seen)).astype(np.float64)


@pytest.mark.parametrize(("eyes", "kind"), [(2, "both eyes"), (1, "one eye"), (0, "no eyes")])
def test_a_head_is_met_where_its_points_are(eyes, kind):
    drawn = draw_person()
    (person,) = drawn.result.people
    points = annotated(drawn, eyes=eyes)
    (head,) = read_head(drawn.photo_bgr, drawn.result, person, [points])
    assert head.kind == kind
    assert isinstance(head.frame, HeadFrame)
    assert (head.yaw is not None) == (eyes == 2)
    assert head.yaw is None or abs(head.yaw) < 4


def test_heads_of_several_people_and_without_a_face_are_left_out():
    drawn = draw_person()
    (person,) = drawn.result.people
    both = [annotated(drawn), annotated(drawn, 0.2)]
    assert not list(read_head(drawn.photo_bgr, drawn.result, person, both))
    bare = replace(person, parts=())
    assert not list(read_head(drawn.photo_bgr, drawn.result, bare, []))
    far = annotated(drawn, 5)
    assert not is_in(far, (150, 130, 270, 260))
    (head,) = read_head(drawn.photo_bgr, drawn.result, person, [far])
    assert head.kind == "no eyes"


def test_what_is_beside_the_eyes_is_counted(capsys):
    drawn = draw_person()
    (person,) = drawn.result.people
    (head,) = read_head(drawn.photo_bgr, drawn.result, person, [annotated(drawn)])
    beside = AnnotatedHead(annotated(drawn, 1.0), None, head.frame)
    print_counts("both eyes", [head, head, beside])
    printed = capsys.readouterr().out
    assert "3 people, 3 dressed" in printed
    assert "2 within 0.4 U of their eyes, 1 beside by 0.6 U" in printed
