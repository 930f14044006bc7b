"""Which garment is the top, on a drawn person with more than one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.outfit import load_outfit
from tests.support.drawn_joints import joints_at
from tests.support.drawn_people import HAIR, TOP, DrawnPerson, changed, draw_person, record_of

DRESS, COAT, FACE, NECK, HAT = 6, 7, 13, 10, 1


def dressed(*boxes: tuple[int, tuple[float, float, float, float]]) -> DrawnPerson:
    """A drawn person, some of whose top is labelled otherwise: (label, box in U from the eyes)."""
    drawn = draw_person(unit=24)
    labels = drawn.labels
    for label, box in boxes:
        part = labels[drawn.box(*box)]
        part[part == TOP] = label
    return drawn.with_labels(labels)


SKIRT = (DRESS, (-4, 6.4, 4, 20))
OPEN_COAT = ((COAT, (-4, 0, -1, 20)), (COAT, (1, 0, 4, 20)))


@pytest.mark.parametrize(("labels", "layer", "garment"), [
    ([SKIRT], "outer", "UpperClothes"),  # the skirt is the larger one
    ([(DRESS, (-4, 0, 4, 20))], "outer", "Dress"),
    (OPEN_COAT, "outer", "Coat"),
    (OPEN_COAT, "inner", "UpperClothes"),
    ([(COAT, (-4, 0, 4, 20))], "inner", "Coat"),  # nothing is seen below it
    ([(COAT, (-4, 0, -3.4, 20))], "outer", "UpperClothes"),  # on the arm
    ([], "inner", "UpperClothes"),
])  # fmt: skip
def test_the_top_is_the_garment_at_the_chest(labels, layer, garment):
    drawn = dressed(*labels)
    outfit = load_outfit({"top": "#a01830"}, layer=layer)
    done = try_on(drawn.photo_bgr, drawn.result, outfit)
    assert record_of(done).numbers["garment"] == garment
    ids = drawn.labels[changed(drawn, done)]
    assert set(np.unique(ids)) == {{"UpperClothes": TOP, "Dress": DRESS, "Coat": COAT}[garment]}


@pytest.mark.parametrize("hidden", [(FACE,), (FACE, HAIR, NECK)])
def test_without_a_face_the_chest_is_below_the_head_or_the_shoulders(hidden):
    drawn = dressed(SKIRT)
    labels = drawn.labels
    labels[np.isin(labels, hidden)] = HAIR if len(hidden) == 1 else 0
    labels[drawn.box(3, 3, 3.6, 10)] = 14  # an arm, so that somebody is there
    drawn = drawn.with_labels(labels)
    done = try_on(drawn.photo_bgr, drawn.result, {"top": "#a01830"})
    assert record_of(done).numbers["garment"] == "UpperClothes"


def test_a_garment_below_the_chest_is_not_a_top():
    drawn = draw_person(unit=24)
    labels = drawn.labels
    labels[drawn.box(-4, 0, 4, 6.8)][labels[drawn.box(-4, 0, 4, 6.8)] == TOP] = NECK
    done = try_on(drawn.photo_bgr, drawn.with_labels(labels).result, {"top": "#a01830"})
    assert record_of(done).reason == "no top is visible"


@pytest.mark.parametrize(("cloth", "reason"), [
    ((-4, 3, -1.7, 8), "no top is visible"),  # a scrap beside the chest
    ((-4, 3, 4, 4.2), ""),  # a bikini
])  # fmt: skip
def test_scraps_on_bare_skin_are_no_top(cloth, reason):
    drawn = draw_person(unit=24)
    labels, top = drawn.labels, np.zeros(drawn.labels.shape, bool)
    top[drawn.box(*cloth)] = True
    labels[(labels == TOP) & ~top] = NECK
    drawn = drawn.with_labels(labels)
    corners = {
        "left_shoulder": (2, 3),
        "right_shoulder": (-2, 3),
        "left_hip": (1, 10),
        "right_hip": (-1, 10),
    }
    joints = joints_at({name: drawn.pixel(*xy)[::-1] for name, xy in corners.items()})
    person = replace(drawn.result.people[0], joints=joints)
    done = try_on(drawn.photo_bgr, replace(drawn.result, people=(person,)), {"top": "#a01830"})
    assert record_of(done).reason == reason


def test_layers_are_outer_and_inner():
    with pytest.raises(UsageError, match="layer must be outer or inner, got 'middle'"):
        load_outfit({"top": "#a01830"}, layer="middle")
