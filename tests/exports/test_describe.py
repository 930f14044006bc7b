"""The table of people: what drawn people wear, and which way they face."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.exports import describe, find_format
from m2fp_cli.exports.colors import NAMES, find_colors
from m2fp_cli.exports.facing import find_facing
from m2fp_cli.exports.format import ExportSettings, Item
from m2fp_cli.records.labels import CIHP, LabelSet
from tests.support.dressed import label_mask
from tests.support.exporting import drawn_photo
from tests.support.posed import posed_photo

EVERYWHERE = np.ones((60, 60), bool)


def plain(rgb, hw=(60, 60)):
    return np.broadcast_to(np.asarray(rgb[::-1], np.uint8), (*hw, 3)).copy()


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((20, 30, 70), "navy"),
        ((250, 250, 250), "white"),
        ((15, 15, 18), "black"),
        ((200, 25, 35), "red"),
        ((90, 20, 30), "burgundy"),
        ((120, 120, 125), "gray"),
        ((210, 190, 155), "beige"),
        ((235, 160, 175), "pink"),
        ((90, 95, 45), "olive"),
        ((118, 205, 38), "lime green"),
        ((20, 250, 15), "bright green"),
        ((170, 235, 140), "light green"),
        ((165, 182, 140), "sage"),
        ((148, 96, 186), "violet"),
        ((145, 110, 153), "mauve"),
        ((66, 5, 64), "plum"),
        ((201, 76, 190), "orchid"),
        ((0, 3, 91), "navy"),
    ],
)
def test_a_plain_color_has_its_name(rgb, name):
    (color,) = find_colors(plain(rgb), EVERYWHERE)
    assert (color.name, color.share) == (name, 1.0)
    assert np.abs(np.subtract(color.rgb, rgb)).max() <= 2


def test_light_and_shade_are_one_color_and_a_print_is_another():
    shaded = plain((190, 30, 40)).astype(float)
    shaded *= np.linspace(0.75, 1.05, 60)[:, None, None]
    cloth = np.clip(shaded, 0, 255).astype(np.uint8)
    assert [one.name for one in find_colors(cloth, EVERYWHERE)] == ["red"]
    cloth[:, 40:] = 245
    white, red = sorted(find_colors(cloth, EVERYWHERE), key=lambda one: one.share)
    assert (white.name, red.name) == ("white", "red")
    assert white.share == pytest.approx(1 / 3, abs=0.03)


def test_the_same_garment_always_has_the_same_colors():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    once = find_colors(noise, EVERYWHERE)
    assert once == find_colors(noise.copy(), EVERYWHERE)
    assert all(one.name in NAMES for one in once)


def test_too_little_cloth_has_no_color():
    small = np.zeros((60, 60), bool)
    small[:4, :4] = True
    assert find_colors(plain((200, 0, 0)), small) == []


def table_of(photo, source="sub/a.png"):
    wanted = find_format("describe")
    encoded = wanted.encode(photo, ExportSettings())
    item = Item(photo.name, source, json.loads(json.dumps(encoded.record)))
    return wanted.finish([item], ExportSettings())


def colored_photo(people=1):
    photo = drawn_photo(people=people)
    image, labels = photo.image_bgr.copy(), photo.result.semantic_map
    for name, bgr in (("UpperClothes", (70, 30, 20)), ("Pants", (245, 245, 245))):
        image[label_mask(labels, name)] = bgr
    return replace(photo, image_bgr=image)


def test_a_row_says_what_somebody_wears():
    photo = colored_photo(people=2)
    files = table_of(photo)
    rows = list(csv.DictReader(io.StringIO(files["people.csv"].decode())))
    assert [row["person_id"] for row in rows] == ["1", "2"]
    first = rows[0]
    assert first["photo"] == "sub/a.png"
    assert first["upperclothes_colors"] == "navy 1.00"
    assert first["pants_colors"] == "white 1.00"
    assert first["coat"] == ""
    assert "Left-arm" in first["parts"].split()
    assert float(first["pants"]) == pytest.approx(
        label_mask(photo.result.semantic_map[:, :300], "Pants").sum()
        / photo.result.people[0].mask.area,
        abs=0.001,
    )


@pytest.mark.parametrize("tint", [(1, 1, 1), (0.7, 0.85, 1)], ids=["gray", "sepia"])
def test_a_photo_of_one_tone_names_no_colors(tint):
    photo = colored_photo()
    gray = cv2.cvtColor(photo.image_bgr, cv2.COLOR_BGR2GRAY)[..., None]
    files = table_of(replace(photo, image_bgr=(gray * np.asarray(tint)).astype(np.uint8)))
    (row,) = csv.DictReader(io.StringIO(files["people.csv"].decode()))
    assert row["upperclothes_colors"] == "dark 1.00"
    assert row["pants_colors"] == "light 1.00"


def test_json_lines_hold_lab_and_the_share_of_bare_skin():
    photo = colored_photo()
    (row,) = map(json.loads, table_of(photo)["people.jsonl"].splitlines())
    top = next(one for one in row["garments"] if one["garment"] == "upperclothes")
    assert top["colors"][0]["lab"][0] < 20
    labels = photo.result.semantic_map
    skin = label_mask(labels, "Torso-skin", "Left-arm", "Right-arm", "Left-leg", "Right-leg")
    worn = label_mask(labels, "UpperClothes", "Pants", "Left-shoe", "Right-shoe")
    assert row["bare_skin"] == pytest.approx(skin.sum() / (skin.sum() + worn.sum()), abs=0.001)
    assert [one["garment"] for one in row["garments"]].count("shoe") == 1


def test_what_the_photo_cuts_off_is_said():
    photo = drawn_photo()
    rows = np.s_[60:300]
    cut = result_from_maps(CIHP, photo.result.semantic_map[rows])
    shorter = replace(photo, result=cut, image_bgr=np.ascontiguousarray(photo.image_bgr[rows]))
    (row,) = map(json.loads, table_of(shorter)["people.jsonl"].splitlines())
    assert row["cut"] == ["top", "bottom"]


def test_a_table_has_the_garments_of_all_photos_whatever_parsed_them():
    wanted, photo = find_format("describe"), colored_photo()
    labels = LabelSet(tuple("Jumpsuits" if name == "Pants" else name for name in CIHP.names))
    other = replace(photo, result=replace(photo.result, labels=labels))
    both = [(one, wanted.encode(one, ExportSettings()).record) for one in (photo, other)]
    items = [Item(one.name, "a.png", record) for one, record in both]
    rows = csv.DictReader(
        io.StringIO(wanted.finish(items, ExportSettings())["people.csv"].decode())
    )
    assert [(row["pants_colors"], row["jumpsuits_colors"]) for row in rows] == [
        ("white 1.00", ""),
        ("", "white 1.00"),
    ]


def test_a_model_of_ones_own_has_no_column_of_people_and_may_know_no_skin():
    photo, words = colored_photo(), {"Torso-skin", "Left-arm", "Right-arm", "Left-leg", "Right-leg"}
    names = [f"Cloth{i}" if name in words else name for i, name in enumerate(CIHP.names)]
    labels = LabelSet((*names[:-1], "Person"), human_id=CIHP.human_id)
    files = table_of(replace(photo, result=replace(photo.result, labels=labels)))
    (row,) = csv.DictReader(io.StringIO(files["people.csv"].decode()))
    assert "person" not in row
    assert "person_colors" not in row
    assert row["bare_skin"] == ""
    assert row["upperclothes_colors"] == "navy 1.00"


def test_parquet_holds_the_same_rows():
    parquet = pytest.importorskip("pyarrow.parquet")
    files = table_of(colored_photo())
    table = parquet.read_table(io.BytesIO(files["people.parquet"])).to_pylist()
    assert table == [json.loads(line) for line in files["people.jsonl"].splitlines()]


def test_parquet_has_the_same_columns_without_anybody():
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = (
        find_format("describe").finish([], ExportSettings()),
        table_of(colored_photo()),
        table_of(head_photo()),
    )
    schemas = [parquet.read_schema(io.BytesIO(files["people.parquet"])) for files in tables]
    assert schemas[0] == schemas[1] == schemas[2]
    assert schemas[0].names[0] == "photo"


def test_a_pyarrow_that_does_not_start_costs_a_line_and_its_file(tmp_path, monkeypatch, capfd):
    """As 26 beside NumPy 1 does, which another package may have brought."""
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text('raise ImportError("requires NumPy 2.0")')
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(describe, "_pyarrow_starts", describe._pyarrow_starts.__wrapped__)
    assert {*table_of(colored_photo())} == {"people.csv", "people.jsonl"}
    assert "people.parquet is left out: requires NumPy 2.0; pip install" in capfd.readouterr().err


def head_photo():
    """Somebody who wears nothing that has a name, and whose skin is not seen."""
    photo = drawn_photo()
    labels = np.zeros_like(photo.result.semantic_map)
    labels[20:70, 40:80] = CIHP.id_of("Hair")
    return replace(photo, result=result_from_maps(CIHP, labels))


def test_a_name_that_is_no_text_is_the_same_text_in_all_tables():
    files = table_of(colored_photo(), "bad\udcff\n.jpg")
    (row,) = csv.DictReader(io.StringIO(files["people.csv"].decode()))
    (line,) = files["people.jsonl"].splitlines()
    assert row["photo"] == json.loads(line)["photo"] == "bad\\udcff\n.jpg"
    parquet = pytest.importorskip("pyarrow.parquet")
    (row,) = parquet.read_table(io.BytesIO(files["people.parquet"])).to_pylist()
    assert row["photo"] == "bad\\udcff\n.jpg"


@pytest.mark.parametrize("name", ["=1+2.jpg", "+a/b.jpg", "-b.jpg", "@SUM(1).jpg", "\ta.jpg"])
def test_a_photo_is_no_formula_to_a_spreadsheet(name):
    files = table_of(colored_photo(), name)
    (row,) = csv.DictReader(io.StringIO(files["people.csv"].decode()))
    (line,) = files["people.jsonl"].splitlines()
    assert (row["photo"], json.loads(line)["photo"]) == (f"./{name}", name)


def test_a_label_of_a_models_own_is_no_formula_to_a_spreadsheet():
    photo = colored_photo()
    names = [f"=A1-{name}" for name in CIHP.names]
    labels = LabelSet(tuple(names), human_id=CIHP.human_id)
    files = table_of(replace(photo, result=replace(photo.result, labels=labels)))
    cells = [cell for row in csv.reader(io.StringIO(files["people.csv"].decode())) for cell in row]
    assert "'=a1pants" in cells
    assert not [cell for cell in cells if cell.startswith("=")]


def test_json_lines_with_such_a_name_are_read_by_others():
    reader = pytest.importorskip("pyarrow.json")
    table = reader.read_json(io.BytesIO(table_of(colored_photo(), "\udce9")["people.jsonl"]))
    assert table["photo"].to_pylist() == ["\\udce9"]


def head(face_columns, hair_columns, face=True):
    """A head: hair over columns, and a face in others."""
    labels = np.zeros((160, 120), np.uint8)
    labels[70:150, 30:90] = CIHP.id_of("UpperClothes")
    labels[20:70, slice(*hair_columns)] = CIHP.id_of("Hair")
    if face:
        labels[30:70, slice(*face_columns)] = CIHP.id_of("Face")
    result = result_from_maps(CIHP, labels)
    return find_facing(np.full((160, 120, 3), 128, np.uint8), result, result.people[0])


def test_a_face_in_the_middle_of_its_hair_looks_at_us():
    assert head((45, 75), (40, 80)).word == "front"


def test_a_face_at_the_side_of_its_hair_looks_aside():
    assert head((65, 85), (35, 70)).word == "side"


def test_hair_without_a_face_is_a_back():
    facing = head((0, 1), (40, 80), face=False)
    assert facing.word == "back"
    assert facing.confidence < 0.5


@pytest.mark.parametrize(
    ("left_eye", "right_eye", "word"),
    [((8, 24), (-8, 24), "front"), ((3, 24), (1, 24), "side"), ((-8, 24), (8, 24), "back")],
)
@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_eyes_say_which_way_somebody_faces_however_the_head_is_held(
    left_eye, right_eye, word, quarters
):
    turn = np.linalg.matrix_power(np.array(((0, -1), (1, 0))), quarters)
    face = {"left_eye": left_eye, "right_eye": right_eye, "mouth_left": (4, 42)}
    face |= {"mouth_right": (-4, 42)}
    photo = posed_photo(**{name: turn @ place + (150, 12) for name, place in face.items()})
    facing = find_facing(photo.image_bgr, photo.result, photo.result.people[0])
    assert facing.word == word
    assert facing.confidence >= 0.7


def test_joints_of_nobody_leave_it_to_the_labels():
    photo = posed_photo(score=0.2, left_eye=(142, 36), right_eye=(158, 36))
    found = find_facing(photo.image_bgr, photo.result, photo.result.people[0])
    plain = drawn_photo()
    assert found == find_facing(plain.image_bgr, plain.result, plain.result.people[0])


def test_nothing_of_a_head_says_nothing():
    labels = np.zeros((60, 60), np.uint8)
    labels[20:50, 20:40] = CIHP.id_of("Pants")
    result = result_from_maps(CIHP, labels)
    found = find_facing(np.zeros((60, 60, 3), np.uint8), result, result.people[0])
    assert (found.word, found.confidence) == ("unknown", 0.0)
