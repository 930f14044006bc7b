"""Who is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.drawn_people import TOP, changed, draw_person, record_of, wear


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
