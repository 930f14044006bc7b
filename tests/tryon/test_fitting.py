"""Try-on as a whole: who is dressed, in what order, and that nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon import cloth_checks
from m2fp_cli.tryon.catalog import list_accessories, load_accessory
from m2fp_cli.tryon.fitting import TryOn, try_on
from m2fp_cli.tryon.head import HeadFrame, SkipReason
from m2fp_cli.tryon.outfit import Outfit, load_outfit
from m2fp_cli.tryon.records import Check, ItemRecord, PersonRecord, to_document
from tests.support.drawn_people import HAIR, changed, draw_person, record_of, values_of, wear


def test_far_from_the_accessory_nothing_changes():
    drawn = draw_person()
    rows = np.flatnonzero(changed(drawn, wear(drawn, {"glasses": "clear"})).any(axis=1))
    assert drawn.eyes_xy[1] - drawn.unit < rows[0] < rows[-1] < drawn.eyes_xy[1] + drawn.unit


def test_the_same_run_gives_the_same_bytes():
    drawn = draw_person()
    outfit = Outfit((load_accessory("beanie", "hat"), load_accessory("drop", "earrings")))
    first, second = (try_on(drawn.photo_bgr, drawn.result, outfit) for _ in range(2))
    assert (first.image_bgr == second.image_bgr).all()


def test_the_photo_itself_is_not_changed():
    drawn = draw_person()
    before = drawn.photo_bgr.copy()
    wear(drawn, {"hat": "fedora", "top": "denim"})
    assert (drawn.photo_bgr == before).all()


def test_what_is_under_the_rest_is_put_on_first():
    drawn = draw_person()
    worn = {"hat": "cap", "glasses": "round", "necklace": "chain", "top": "denim"}
    kinds = [item.kind for item in wear(drawn, worn).people[0].items]
    assert kinds == ["top", "necklace", "glasses", "hat"]


def reason_under(own_names, outfit):
    """Why somebody is left alone whose model calls some labels otherwise than CIHP."""
    drawn = draw_person()
    labels = replace(CIHP, names=tuple(own_names.get(name, name) for name in CIHP.names))
    done = wear(replace(drawn, result=replace(drawn.result, labels=labels)), outfit)
    return done.people[0].items[0].reason


def test_labels_that_the_model_lacks_are_no_fault_of_the_photo():
    hat, top = {"hat": "cap"}, {"top": "denim"}
    assert reason_under({"Face": "Head"}, hat) == "the model has no label for faces"
    assert reason_under({"UpperClothes": "Blouse"}, top) == "no top is visible"
    tops = ("UpperClothes", "Dress", "Coat")
    assert reason_under({name: f"{name} 2" for name in tops}, top) == (
        "the model has no label for this"
    )
    upper = ("Face", "Hair", "Hat", "Sunglasses", "Left-arm", "Right-arm", "Glove")
    assert reason_under({name: f"{name} 2" for name in upper}, top) == (
        "the model has no labels for heads and arms"
    )


def test_what_is_there_and_did_not_pass_its_checks_is_counted():
    good, bad = Check("gap", 0.1, 0.0, 1.0), Check("gap", 2.0, 0.0, 1.0)
    items = [
        ItemRecord("hat", "cap", checks=(good,)),
        ItemRecord("hat", "cap", checks=(good, bad)),
        ItemRecord("hat", "cap", reason="no face is visible", checks=(bad,)),
    ]
    people = tuple(
        PersonRecord(number, SkipReason.NO_FACE, (one,)) for number, one in enumerate(items, 1)
    )
    done = TryOn(np.zeros((2, 2, 3), np.uint8), people)
    assert (done.failed_checks, done.dressed) == (1, {1, 2})
    assert done.not_put_on == {"no face is visible": 1}
    assert [one.passed for one in items] == [True, False, False]


def test_a_person_counts_once_for_each_reason_however_many_things_it_keeps_away():
    face = tuple(ItemRecord(kind, "x", reason="no face is visible") for kind in ("hat", "glasses"))
    shoes = ItemRecord("shoes", "x", reason="no shoes are visible")
    people = (
        PersonRecord(1, SkipReason.NO_FACE, (*face, shoes)),
        PersonRecord(2, SkipReason.NO_FACE, face),
    )
    done = TryOn(np.zeros((2, 2, 3), np.uint8), people)
    assert done.not_put_on == {"no face is visible": 2, "no shoes are visible": 1}


def test_a_tiny_face_is_skipped_with_a_reason_and_left_as_it_is():
    drawn = draw_person(unit=4)
    done = wear(drawn, {"hat": "cap"})
    assert record_of(done).reason == "the face is too small"
    assert not changed(drawn, done).any()


@pytest.mark.parametrize("hw", [(1, 900), (900, 1), (3, 400), (2, 2)])
def test_a_photo_of_hardly_any_rows_is_skipped_with_a_reason(hw):
    semantic = np.full(hw, CIHP.id_of("Face"), np.uint8)
    result = result_from_maps(CIHP, semantic, np.ones(hw, np.uint16))
    outfit = Outfit((load_accessory("fedora", "hat"), load_accessory("round", "glasses")))
    photo = np.zeros((*hw, 3), np.uint8)
    items = try_on(photo, result, outfit).people[0].items
    assert all(item.reason for item in items)


def test_somebody_seen_from_behind_still_wears_a_top():
    drawn = draw_person()
    labels = drawn.labels
    labels[labels == 13] = HAIR
    items = wear(drawn.with_labels(labels), {"hat": "cap", "top": "#a01830"}).people[0].items
    assert [(item.kind, item.reason) for item in items] == [
        ("top", ""),
        ("hat", "no face is visible"),
    ]


def test_people_can_be_chosen_and_records_are_json():
    drawn = draw_person()
    assert try_on(drawn.photo_bgr, drawn.result, {"hat": "cap"}, people=[7]).people == ()
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "cap"}, people="largest")
    document = json.loads(json.dumps(to_document("a.jpg", done.people), allow_nan=False))
    assert document["people"][0]["items"][0]["name"] == "cap"


def test_photo_and_result_must_match():
    drawn = draw_person()
    with pytest.raises(ValueError, match="photo is"):
        try_on(drawn.photo_bgr[:-1], drawn.result, {"hat": "cap"})


def test_a_kind_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(UsageError, match=r"no kind 'gloves'; kinds are hat, hair"):
        load_outfit({"gloves": "red"})


def test_a_record_holds_the_numbers_of_the_blending():
    values = values_of(record_of(wear(draw_person(), {"hat": "fedora"})))
    assert values["changed_outside_px"] == 0
    assert {"fringe_levels", "grain_ratio", "blur_ratio"} <= values.keys()


def test_without_light_and_shadow_an_accessory_is_only_blended():
    drawn = draw_person()
    outfit = load_outfit({"glasses": "round"}, match_light=False, shadow=False)
    done = try_on(drawn.photo_bgr, drawn.result, outfit)
    assert "grain_ratio" not in values_of(record_of(done))
    assert changed(drawn, done).sum() < changed(drawn, wear(drawn, {"glasses": "round"})).sum()


@pytest.mark.parametrize("name", ["fedora", "clear", "pearls", "hoop"])
def test_a_head_that_fills_the_photo_wears_things_like_a_small_one(name):
    drawn = draw_person()
    outfit = Outfit((load_accessory(name, list_accessories()[name]),))
    small = try_on(drawn.photo_bgr, drawn.result, outfit).people[0]
    larger = drawn.enlarged(4)
    done = try_on(larger.photo_bgr, larger.result, outfit)
    large = done.people[0]
    assert isinstance(small.frame, HeadFrame)
    assert isinstance(large.frame, HeadFrame)
    assert large.frame.eyes_xy == pytest.approx([4 * v for v in small.frame.eyes_xy], abs=6)
    assert large.frame.unit == pytest.approx(4 * small.frame.unit, rel=0.04)
    assert large.items[0].placed == small.items[0].placed
    assert {c.name for c in large.items[0].checks} >= {c.name for c in small.items[0].checks}
    below = round(drawn.eyes_xy[1] + 5 * drawn.unit) * 4
    assert np.array_equal(done.image_bgr[below:], larger.photo_bgr[below:])


def test_a_check_that_fails_is_told_and_takes_nothing_off(monkeypatch):
    monkeypatch.setitem(cloth_checks.LIMITS, "color_miss_de", (98.0, 99.0))
    drawn = draw_person()
    done = wear(drawn, {"top": "#a01830"})
    record = record_of(done).as_json()
    assert (record["placed"], record["passed"]) == (True, False)
    assert [check["name"] for check in record["checks"] if not check["ok"]] == ["color_miss_de"]
    assert changed(drawn, done).any()
