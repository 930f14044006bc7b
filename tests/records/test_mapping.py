"""Label maps in the ids of other sets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import CIHP, LABEL_SETS, LabelSet
from m2fp_cli.records.mapping import MAPPINGS, load_mapping, map_labels
from tests.support.dressed import draw_dressed
from tests.support.hostile_folders import without_rights

GLOVES = (
    ("Glove", ((92, 200), (94, 236), (80, 236), (76, 204))),
    ("Glove", ((-92, 200), (-94, 236), (-80, 236), (-76, 204))),
)


def mapped(labels, name, people=None):
    return map_labels(labels, CIHP, load_mapping(name), people)


def test_cihp_stays_itself():
    labels = draw_dressed()
    assert (mapped(labels, "cihp") == labels).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("atr", (0, 1, 2, 15, 3, 4, 7, 4, 13, 6, 11, 17, 5, 11, 14, 15, 12, 13, 9, 10)),
        ("lip", (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 11, 12, 13, 14, 15, 16, 17, 18, 19)),
        ("viton13", (0, 1, 1, 12, 2, 3, 3, 3, 11, 4, 0, 12, 4, 2, 5, 6, 7, 8, 9, 10)),
    ],
)
def test_every_label_of_cihp_has_its_place(name, expected):
    # A column for each label, arms and legs left out of what could lend a side: each label alone.
    for label_id, target in enumerate(expected):
        labels = np.zeros((4, 9), np.uint8)
        labels[1:3, 1:4] = label_id
        labels[1:3, 5:8] = CIHP.id_of("Right-arm" if label_id == 3 else "Right-leg")
        assert mapped(labels, name)[1, 2] == target, CIHP.names[label_id]


def test_gloves_take_the_side_of_the_arm_that_they_touch():
    labels = draw_dressed(extra=GLOVES)
    atr, gloves = mapped(labels, "atr"), labels == CIHP.id_of("Glove")
    right, left = (LABEL_SETS["atr"].id_of(n) for n in ("Right-arm", "Left-arm"))
    assert set(atr[:, :150][gloves[:, :150]]) == {right}
    assert set(atr[:, 150:][gloves[:, 150:]]) == {left}


@pytest.mark.parametrize(
    "named", [CIHP.names, [name.replace("-", "_").lower() for name in CIHP.names]]
)
def test_hands_of_ones_own_have_the_side_of_their_arm_from_behind_too(tmp_path, named):
    path = tmp_path / "mine.json"
    hands = ["Left-hand", "Right-hand"]
    path.write_text(json.dumps({"labels": ["No", *hands], "map": {"Glove": hands}}))
    labels = np.zeros((30, 40), np.uint8)  # with a hand on the other knee
    labels[5:15, 5:10], labels[5:15, 30:35] = CIHP.id_of("Left-arm"), CIHP.id_of("Right-arm")
    labels[15:20, 5:10], labels[15:20, 30:35] = CIHP.id_of("Glove"), CIHP.id_of("Glove")
    labels[20:30, 5:10] = CIHP.id_of("Right-leg")
    own = map_labels(labels, LabelSet(tuple(named), 20), load_mapping(str(path)))
    assert (own[15:20, 5:10] == 1).all()
    assert (own[15:20, 30:35] == 2).all()


def test_socks_that_hang_together_are_divided_between_the_legs():
    labels = np.zeros((40, 40), np.uint8)
    labels[5:20, 5:15], labels[5:20, 25:35] = CIHP.id_of("Right-leg"), CIHP.id_of("Left-leg")
    labels[20:30, 5:35] = CIHP.id_of("Socks")
    atr = mapped(labels, "atr")
    assert (atr[24, 5:19] == LABEL_SETS["atr"].id_of("Right-leg")).all()
    assert (atr[24, 21:35] == LABEL_SETS["atr"].id_of("Left-leg")).all()


def test_a_limb_lends_its_side_to_its_own_person_only():
    labels, people = np.zeros((20, 60), np.uint8), np.zeros((20, 60), np.uint16)
    labels[5:15, 5:10], labels[5:15, 12:16] = CIHP.id_of("Left-arm"), CIHP.id_of("Glove")
    labels[5:15, 16:20] = CIHP.id_of("Right-arm")
    people[:, :16], people[:, 16:] = 1, 2
    atr = mapped(labels, "atr", people)
    assert atr[10, 13] == LABEL_SETS["atr"].id_of("Left-arm")


def test_who_shows_no_limb_faces_the_camera():
    labels = np.zeros((20, 60), np.uint8)
    labels[2:12, 20:40] = CIHP.id_of("UpperClothes")
    labels[12:16, 18:22], labels[12:16, 38:42] = CIHP.id_of("Glove"), CIHP.id_of("Glove")
    atr = mapped(labels, "atr")
    assert atr[14, 19] == LABEL_SETS["atr"].id_of("Right-arm")
    assert atr[14, 40] == LABEL_SETS["atr"].id_of("Left-arm")


def test_a_file_maps_to_labels_of_ones_own(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"labels": ["No", "Skin", "Top"], "map": {"face": "Skin", "Coat": "Top"}})
    )
    mapping = load_mapping(str(path))
    labels = np.asarray([[0, 13, 7, 9]], np.uint8)
    assert map_labels(labels, CIHP, mapping).tolist() == [[0, 1, 2, 0]]
    assert mapping.name == "mine"
    assert load_mapping(str(path.rename(tmp_path / "my set.2.json"))).name == "my-set-2"
    assert mapping.fingerprint() != load_mapping("atr").fingerprint()


def test_labels_of_ones_own_that_differ_in_a_hyphen_stay_apart(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"labels": ["No", "T-shirt", "Tshirt"], "map": {"Face": "Tshirt"}}))
    labels = np.asarray([[0, 13]], np.uint8)
    assert map_labels(labels, CIHP, load_mapping(str(path))).tolist() == [[0, 2]]


def test_names_that_no_label_set_has_are_kept_apart(tmp_path):
    file = tmp_path / "own.json"
    file.write_text('{"labels": ["No", "Skin"], "map": {"face": "Skin", "Nose": "Skin"}}')
    assert load_mapping(str(file)).unknown == ("Nose",)
    assert load_mapping("atr").unknown == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is not a JSON object"),
        ('{"labels": ["A"], "map": {}}', "2 to 255 names"),
        ('{"labels": ["A", "B"], "map": {"Face": "C"}}', "sends 'Face' to something"),
        ('{"labels": ["A", 3], "map": {}}', "must be names"),
        ('{"labels": ["A", "B"], "map": {"Hat": "B", "hat": "A"}}', "names 'hat' twice"),
    ],
)
def test_a_wrong_file_is_told_by_its_name(tmp_path, text, said):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        load_mapping(str(path))
    assert "mine.json" in str(error.value)


def test_only_a_models_own_labels_lack_a_place_in_a_set(tmp_path):
    names = (*CIHP.names, "waistcoat", "Torso_skin")
    assert load_mapping("viton13").without_place(names) == ("Human", "waistcoat")
    own = tmp_path / "viton13.json"
    own.write_text(json.dumps({"labels": list(LABEL_SETS["viton13"].names), "map": {}}))
    assert load_mapping(str(own)).without_place(names) == ()


def test_an_unknown_set_is_refused():
    with pytest.raises(UsageError, match=f"use {', '.join(MAPPINGS)} or a JSON file"):
        load_mapping("coco")


def test_a_file_that_cannot_be_looked_at_is_refused_in_a_line():
    with without_rights() as folder:
        (folder / "mine").mkdir(mode=0)
        with pytest.raises(UsageError, match=r"/mine/a\.json: cannot be read \(Permission denied"):
            load_mapping(f"{folder}/mine/a.json")
    with pytest.raises(UsageError, match=r"cannot be read \(File name too long\)"):
        load_mapping('{"labels": ' + 300 * "a")
