from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon import blending
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import list_accessories, load_accessory
from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.fitting import Outfit, try_on
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.kinds.top import load_cloth
from m2fp_cli.tryon.records import to_document
from tests.support.drawn_people import draw_person


def changed(drawn, done):
    return (done.image_bgr != drawn.photo_bgr).any(axis=2)


@pytest.mark.parametrize("roll", [0, 15])
@pytest.mark.parametrize("hat", ["fedora", "cap", "beanie", "sun_hat"])
def test_a_hat_sits(hat, roll):
    drawn = draw_person(roll=roll)
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": hat})
    record = done.people[0].items[0]
    assert record.placed
    by_name = {check.name: check for check in record.checks}
    for name in ("gap_median_u", "band_above_eyes_u", "band_width_u", "roll_difference_deg"):
        assert by_name[name].ok, by_name[name]


def test_far_from_the_accessory_nothing_changes():
    drawn = draw_person()
    touched = changed(drawn, try_on(drawn.photo_bgr, drawn.result, {"glasses": "clear"}))
    rows = np.flatnonzero(touched.any(axis=1))
    assert drawn.eyes_xy[1] - drawn.unit < rows[0] < rows[-1] < drawn.eyes_xy[1] + drawn.unit


def test_glasses_are_in_front_of_the_eyes():
    drawn = draw_person()
    done = try_on(drawn.photo_bgr, drawn.result, {"glasses": "sunglasses"})
    for side in (-0.5, 0.5):
        x, y = round(drawn.eyes_xy[0] + side * drawn.unit), round(drawn.eyes_xy[1])
        assert changed(drawn, done)[y, x]
        assert done.image_bgr[y, x].max() < 90


def test_a_top_changes_the_garment_only():
    drawn = draw_person()
    done = try_on(drawn.photo_bgr, drawn.result, {"top": "#a01830"})
    garment = drawn.result.semantic_map == 5
    touched = changed(drawn, done)
    assert not touched[~garment].any()
    assert touched[garment].mean() > 0.98
    assert all(check.ok for check in done.people[0].items[0].checks)


def test_the_same_run_gives_the_same_bytes():
    drawn = draw_person()
    outfit = Outfit((load_accessory("beanie", "hat"), load_accessory("drop", "earrings")))
    first, second = (try_on(drawn.photo_bgr, drawn.result, outfit) for _ in range(2))
    assert (first.image_bgr == second.image_bgr).all()


def test_an_old_hat_does_not_show_beside_the_new_one():
    drawn = draw_person(hat=True)
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "fedora"})
    green = (done.image_bgr[..., 1] > 130) & (done.image_bgr[..., [0, 2]].max(axis=2) < 90)
    assert done.people[0].items[0].placed
    assert green.sum() < 0.01 * drawn.unit**2


def test_a_back_is_skipped_with_a_reason_and_left_as_it_is():
    drawn = draw_person(unit=4)
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "cap"})
    assert done.people[0].items[0].reason == "the face is too small"
    assert not changed(drawn, done).any()


@pytest.mark.parametrize(("hidden_u", "placed"), [(2.4, False), (0.6, True)])
def test_a_hat_of_which_little_would_be_seen_is_left_off(hidden_u, placed):
    drawn = draw_person()
    (eye_x, eye_y), unit = drawn.eyes_xy, drawn.unit
    labels = drawn.result.semantic_map.copy()
    owners = (labels > 0).astype(np.uint16)
    left = round(eye_x + (1.5 - hidden_u) * unit)
    for area in (np.s_[: round(eye_y - 0.5 * unit), left:], np.s_[:, round(eye_x + 2 * unit) :]):
        labels[area], owners[area] = 5, 2
    owners[-20:][owners[-20:] == 1] = labels[-20:][owners[-20:] == 1] = 0
    result = result_from_maps(CIHP, labels, owners)
    record = try_on(drawn.photo_bgr, result, {"hat": "fedora"}, people=[1]).people[0].items[0]
    assert record.placed == placed
    assert record.reason == ("" if placed else "the head is hidden by somebody in front")


def test_people_can_be_chosen_and_records_are_json():
    drawn = draw_person()
    assert try_on(drawn.photo_bgr, drawn.result, {"hat": "cap"}, people=[7]).people == ()
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "cap"}, people="largest")
    document = json.loads(json.dumps(to_document("a.jpg", done.people), allow_nan=False))
    assert document["people"][0]["items"][0]["name"] == "cap"


def test_every_kind_of_cloth_loads():
    for reference in ("#102030", "denim"):
        tile = load_cloth(reference).tile_bgr
        assert tile.dtype == np.float32
        assert 0 <= tile.min() <= tile.max() <= 1


def test_photo_and_result_must_match():
    drawn = draw_person()
    with pytest.raises(ValueError, match="photo is"):
        try_on(drawn.photo_bgr[:-1], drawn.result, {"hat": "cap"})


def names_of(done):
    return {check.name: check for check in done.people[0].items[0].checks}


def test_a_record_holds_the_numbers_of_the_seam():
    drawn = draw_person()
    checks = names_of(try_on(drawn.photo_bgr, drawn.result, {"hat": "fedora"}))
    assert checks["changed_outside_px"].value == 0
    assert checks["fringe_levels"].ok
    assert {"grain_ratio", "blur_ratio"} <= checks.keys()


def test_glasses_and_tops_are_measured_as_well():
    drawn = draw_person()
    glasses = names_of(try_on(drawn.photo_bgr, drawn.result, {"glasses": "clear"}))
    assert glasses["eyes_in_lenses"].ok
    assert glasses["lens_to_eye_u"].ok
    top = names_of(try_on(drawn.photo_bgr, drawn.result, {"top": "#a01830"}))
    assert top["color_miss_de"].ok
    assert top["edge_chroma_difference"].ok
    assert top["changed_outside_px"].value == 0


def test_a_dark_fringe_is_found():
    photo = np.full((20, 20, 3), 200, np.uint8)
    half = np.full((20, 20), 0.5, np.float32)
    before, after = photo.copy(), np.full_like(photo, 180)
    layer = Layer(to_linear(photo) * half[..., None], half, (0, 0, 20, 20))
    assert blending._measure_fringe(before, after, layer, None) == 20
    assert blending._measure_fringe(before, photo, layer, None) == 0


def test_hair_too_full_for_a_hat_is_left_alone():
    drawn = draw_person()
    labels = drawn.result.semantic_map.copy()
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    around = np.hypot(x - drawn.eyes_xy[0], y - drawn.eyes_xy[1] + 0.5 * drawn.unit)
    labels[(around < 2.9 * drawn.unit) & (labels == 0)] = 2
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"hat": "beanie"})
    assert done.people[0].items[0].reason == "the hair is too full for the hat"
    assert not changed(drawn, done).any()


def test_the_hair_of_a_second_head_in_the_same_mask_stays():
    drawn = draw_person()
    photo, labels = drawn.photo_bgr.copy(), drawn.result.semantic_map.copy()
    place = (round(drawn.eyes_xy[0] + 4.2 * drawn.unit), round(drawn.eyes_xy[1]))
    cv2.circle(photo, place, 15, (35, 40, 50), -1)
    cv2.circle(labels, place, 15, (2,), -1)
    done = try_on(photo, result_from_maps(CIHP, labels), {"hat": "fedora"})
    assert done.people[0].items[0].placed
    around = np.s_[place[1] - 20 : place[1] + 21, place[0] - 20 : place[0] + 21]
    assert np.array_equal(done.image_bgr[around], photo[around])


def test_an_old_hat_beside_the_face_becomes_hair_and_not_background():
    drawn = draw_person(hat=True)
    labels = drawn.result.semantic_map.copy()
    temple = (round(drawn.eyes_xy[0] + 1.12 * drawn.unit), round(drawn.eyes_xy[1]))
    for picture, value in ((drawn.photo_bgr, (60, 160, 60)), (labels, (1,))):
        cv2.circle(picture, temple, round(0.13 * drawn.unit), value, -1)
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"hat": "fedora"})
    assert "the old hat was painted over" in " ".join(done.people[0].items[0].notes)
    assert done.image_bgr[temple[1], temple[0]].max() < 90


def test_a_sliver_of_hat_at_the_hair_is_no_hat():
    drawn = draw_person()
    labels = drawn.result.semantic_map.copy()
    x, y = round(drawn.eyes_xy[0] + 1.3 * drawn.unit), round(drawn.eyes_xy[1])
    labels[y : y + 8, x : x + 3] = 1
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"hat": "fedora"})
    record = done.people[0].items[0]
    assert not any("old hat" in note for note in record.notes)
    assert all(check.ok for check in record.checks if check.name == "old_hat_covered")


@pytest.mark.parametrize("collar", [False, True])
def test_a_chain_does_not_begin_on_the_cloth_of_a_wide_collar(collar):
    drawn = draw_person()
    labels = drawn.result.semantic_map.copy()
    (x, y), unit = drawn.eyes_xy, drawn.unit
    beside = np.zeros_like(labels, dtype=np.bool_)
    beside[round(y + 2.0 * unit) :, round(x - 2 * unit) : round(x + 2 * unit)] = collar
    labels[beside & (labels == 0)] = 5
    chain = load_accessory("chain", "necklace")
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), Outfit((chain,)))
    assert (done.people[0].items[0].reason == "the neck is covered") is collar


@pytest.mark.parametrize(
    ("across", "radius", "worn"), [(0.5, 0.25, True), (0.5, 0.04, False), (3.0, 0.3, False)]
)
def test_only_glasses_on_the_face_are_worn_already(across, radius, worn):
    drawn = draw_person()
    labels = drawn.result.semantic_map.copy()
    where = (round(drawn.eyes_xy[0] + across * drawn.unit), round(drawn.eyes_xy[1]))
    cv2.circle(labels, where, round(radius * drawn.unit), (4,), -1)  # the label of glasses
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"glasses": "round"})
    assert (done.people[0].items[0].reason == "glasses are worn already") == worn


def enlarged(drawn, times):
    photo = cv2.resize(drawn.photo_bgr, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    labels = np.kron(drawn.result.semantic_map, np.ones((times, times), np.uint8))
    return photo, result_from_maps(CIHP, labels)


@pytest.mark.parametrize("name", ["fedora", "clear", "pearls", "hoop"])
def test_a_head_that_fills_the_photo_wears_things_like_a_small_one(name):
    drawn = draw_person()
    outfit = Outfit((load_accessory(name, list_accessories()[name]),))
    small = try_on(drawn.photo_bgr, drawn.result, outfit).people[0]
    photo, result = enlarged(drawn, 4)
    done = try_on(photo, result, outfit)
    large = done.people[0]
    assert isinstance(small.frame, HeadFrame)
    assert isinstance(large.frame, HeadFrame)
    assert large.frame.eyes_xy == pytest.approx([4 * v for v in small.frame.eyes_xy], abs=6)
    assert large.frame.unit == pytest.approx(4 * small.frame.unit, rel=0.04)
    assert large.items[0].placed == small.items[0].placed
    assert {c.name for c in large.items[0].checks} >= {c.name for c in small.items[0].checks}
    below = round(drawn.eyes_xy[1] + 5 * drawn.unit) * 4
    assert np.array_equal(done.image_bgr[below:], photo[below:])


def test_an_old_hat_on_a_large_head_does_not_show_either():
    photo, result = enlarged(draw_person(hat=True), 4)
    done = try_on(photo, result, {"hat": "fedora"})
    green = (done.image_bgr[..., 1] > 130) & (done.image_bgr[..., [0, 2]].max(axis=2) < 90)
    assert done.people[0].items[0].placed
    assert green.sum() < 0.01 * (4 * 30) ** 2


def band_of(done):
    return done.people[0].items[0].numbers["band_above_eyes_u"]


def test_a_hat_is_pulled_down_to_where_a_fringe_ends():
    drawn = draw_person()
    labels = drawn.result.semantic_map.copy()
    rows = np.arange(labels.shape[0]) - drawn.eyes_xy[1]
    labels[(labels == 13) & (rows < -0.5 * drawn.unit)[:, None]] = 2
    bare = band_of(try_on(drawn.photo_bgr, drawn.result, {"hat": "sun_hat"}))
    low = band_of(try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"hat": "sun_hat"}))
    assert bare == pytest.approx(load_accessory("sun_hat", "hat").numbers["band_above_eyes"])
    assert low == pytest.approx(0.55, abs=0.1)


def hat_that_hangs(units):
    """A plain hat whose front reaches some U below its band."""
    bgra = np.zeros((400, 300, 4), np.uint8)
    bgra[: 150 + round(units * 100), 20:280] = (40, 80, 160, 255)
    anchors = {"band_left": (30, 150), "band_right": (270, 150), "front_low": (150, 200)}
    return Accessory("plain", "hat", bgra, anchors, {"band_above_eyes": 0.65})


@pytest.mark.parametrize(("hangs", "band"), [(0.3, 0.65), (0.6, 0.85)])
def test_a_hat_is_lifted_off_the_eyes(hangs, band):
    drawn = draw_person()
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": hat_that_hangs(hangs)})
    checks = {check.name: check.value for check in done.people[0].items[0].checks}
    assert checks["eyes_covered"] < 0.05
    assert band_of(done) == pytest.approx(band, abs=0.06)


def test_a_hat_that_would_cover_the_eyes_anyway_is_left_out():
    drawn = draw_person()
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": hat_that_hangs(1.6)})
    assert done.people[0].items[0].reason == "the hat would cover the eyes"
    assert not changed(drawn, done).any()


def test_a_hat_that_would_float_above_the_face_is_left_out(monkeypatch):
    drawn = draw_person(hat=True)
    labels = drawn.result.semantic_map.copy()
    rows = np.arange(labels.shape[0]) - drawn.eyes_xy[1]
    labels[(labels == 2) & (rows < -0.5 * drawn.unit)[:, None]] = 1
    monkeypatch.setattr("m2fp_cli.tryon.kinds.hat.LIFTS", (0.6,))
    done = try_on(drawn.photo_bgr, result_from_maps(CIHP, labels), {"hat": "beanie"})
    assert done.people[0].items[0].reason == "the hat would float above the face"
    assert not changed(drawn, done).any()
