"""Results on disk: the schema, the maps, and the way back."""

from __future__ import annotations

import json
import re
from importlib import resources

import numpy as np
import pytest

from m2fp_cli.errors import M2fpError
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.layout import SAVE_OPTIONS
from m2fp_cli.records.document import Provenance, load_result, read_document, to_document
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.records.run_lengths import decode_rle
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from tests.engine.test_people import drawn_face, drawn_joints, two_people

PROVENANCE = Provenance("a/b.jpg", 3, "1" * 64, 1, "starter", "0" * 64, "fast", False, 0.1)


def written(tmp_path, save=SAVE_OPTIONS) -> dict[str, bytes]:
    photo = np.full((8, 10, 3), (1, 2, 3), dtype=np.uint8)
    parsed = ParsedPhoto(photo, two_people(), PROVENANCE)
    files = encode_outputs(parsed, "a/b", save)
    return dict(files)


def assert_equal(one: ParsingResult, other: ParsingResult) -> None:
    assert to_document(one, PROVENANCE) == to_document(other, PROVENANCE)
    assert np.array_equal(one.semantic_map, other.semantic_map)
    assert np.array_equal(one.person_map, other.person_map)


def test_tree_has_one_place_per_kind_and_the_document_last(tmp_path):
    names = list(written(tmp_path))
    assert names[:2] == ["labels/a/b.png", "people/a/b.png"]
    assert "masks/a/b/person-1_01-Hair.png" in names
    assert "masks/a/b/person-0_02-Coat.png" in names
    assert "cutouts/a/b/person-2.png" in names
    assert names[-1] == "results/a/b.json"


def test_document_follows_the_shipped_schema(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(
        resources.files("m2fp_cli").joinpath("schemas/result.schema.json").read_text()
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(written(tmp_path)["results/a/b.json"])
    jsonschema.validate(document, schema)
    document["people"][0]["parts"][0].pop("rle")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_result_is_read_back_whole(tmp_path):
    path = tmp_path / "b.json"
    path.write_bytes(written(tmp_path)["results/a/b.json"])
    assert_equal(load_result(path), two_people())


def test_joints_and_faces_are_read_back_for_those_who_have_them(tmp_path):
    path = tmp_path / "b.json"
    path.write_bytes(written(tmp_path)["results/a/b.json"])
    right, left = load_result(path).people
    assert right.joints is not None
    assert (right.joints.points == drawn_joints().points).all()
    assert (right.joints.scores == drawn_joints().scores).all()
    assert right.joints.score == 0.75
    assert left.joints is None
    assert right.face is not None
    assert right.face.as_json() == drawn_face().as_json()
    assert left.face is None


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("points", [[1, 2, 0.5]] * 32, "32 joints"),
        ("points", [[1, 2, 0.5]] * 34, "at most 33"),
        ("points", [[1, 2]] * 33, '"score" must be a number'),
        ("points", [[1, 2, 3]] * 33, '"score" must be a number from 0 to 1'),
        ("points", [[1, "2", 1]] * 33, '"y" must be a number'),
        ("points", [{"x": 1}] * 33, "at most 3 items"),
        ("points", [[1e300, 2, 1]] * 33, '"x" must be a number from'),
        ("score", None, '"score" must be a number'),
    ],
)
def test_damaged_joints_are_refused(key, value, named):
    document = to_document(two_people(), PROVENANCE)
    document["people"][0]["joints"][key] = value
    with pytest.raises(ValueError, match=named):
        read_document(json.dumps(document).encode())


def test_damaged_faces_are_refused():
    document = to_document(two_people(), PROVENANCE)
    document["people"][0]["face"]["points"].pop()
    with pytest.raises(ValueError, match=r"people\[0\].face: has 14 points of a face"):
        read_document(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("people", 0, "face", "yaw"), 999, 'people[0].face: "yaw" must be a number from'),
        (("people", 0, "face", "points", 3), [1], 'people[0].face.points[3]: "y" must be a number'),
        (("people", 0, "face"), 1, 'people[0]: "face" must be an object'),
        (("people", 0, "joints", "points", 7), [1, 2, 3], 'people[0].joints.points[7]: "score"'),
        (("people", 1, "parts", 0, "score"), "x", 'people[1].parts[0]: "score" must be a number'),
        (("people", 1, "rle", "counts"), "zz", 'people[1]: "counts" is not'),
        (("people", 1), 7, "people[1]: must be an object"),
        (("unassigned", 0, "label_id"), 99, 'unassigned[0]: "label_id" must be'),
        (("instances", 0, "score"), 3, 'instances[0]: "score" must be'),
        (("labels", 2), 3, 'labels[2]: "label" must be a text'),
        (("image", "width"), 0, 'image: "width" must be'),
        (("photo", "notes"), [3], 'photo.notes[0]: "note" must be'),
        (("model", "min_score"), 5, 'model: "min_score" must be'),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path, value, named):
    document = to_document(two_people(), PROVENANCE)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=re.escape(named)) as caught:
        read_document(json.dumps(document).encode())
    assert str(caught.value).startswith("is not a result of m2fp parse (")
    assert str(caught.value).endswith("); parse again")


@pytest.mark.parametrize("text", ['{"score": NaN}', '{"a": 1, "a": 2}', "{", "[1]", "", "[" * 9999])
def test_what_is_no_document_is_to_be_parsed_again(text):
    with pytest.raises(ValueError, match=r"; parse again$"):
        read_document(text.encode())


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        ("2.0", "has format version 2.0 and this m2fp reads 1.x; update m2fp, or parse again"),
        ("0.9", "has format version 0.9 and this m2fp reads 1.x; parse again"),
        ("new", "has format version new and this m2fp reads 1.x; parse again"),
    ],
)
def test_another_format_says_one_thing(version, advice):
    document = to_document(two_people(), PROVENANCE) | {"format_version": version}
    with pytest.raises(ValueError, match="format version") as caught:
        read_document(json.dumps(document).encode())
    assert str(caught.value) == advice


def test_the_result_of_too_large_a_photo_is_refused():
    result = two_people()
    data = json.dumps(to_document(result, PROVENANCE)).encode()
    pixels = result.semantic_map.size
    assert read_document(data, max_pixels=pixels).result.image_hw == result.image_hw
    with pytest.raises(ValueError, match="is of a photo of 0 megapixels"):
        read_document(data, max_pixels=pixels - 1)


def test_instances_can_be_left_out(tmp_path):
    path = tmp_path / "b.json"
    path.write_bytes(written(tmp_path)["results/a/b.json"])
    whole, part = load_result(path), load_result(path, instances=False)
    assert whole.instances
    assert not part.instances
    assert (part.semantic_map == whole.semantic_map).all()
    assert (part.person_map == whole.person_map).all()


def test_maps_are_ids_in_palette_pngs(tmp_path):
    files = written(tmp_path)
    assert np.array_equal(decode_map(files["labels/a/b.png"]), two_people().semantic_map)
    assert np.array_equal(decode_map(files["people/a/b.png"]), two_people().person_map)


def test_masks_are_the_parts(tmp_path):
    files = written(tmp_path)
    part = two_people().people[0].parts[0]
    assert np.array_equal(decode_map(files["masks/a/b/person-1_01-Hair.png"]) > 0, part.mask.full())


def test_run_lengths_of_people_add_up_to_the_person_map(tmp_path):
    document = json.loads(written(tmp_path)["results/a/b.json"])
    for person in document["people"]:
        mask = decode_rle(person["rle"]).full()
        assert np.array_equal(mask, two_people().person_map == person["id"])


def test_bytes_are_the_same_every_time(tmp_path):
    assert written(tmp_path) == written(tmp_path)


@pytest.mark.parametrize("kinds", [("labels",), ("json",), ("people", "cutouts")])
def test_only_what_is_asked_for_is_made(tmp_path, kinds):
    folders = {name.split("/")[0].replace("results", "json") for name in written(tmp_path, kinds)}
    assert folders == set(kinds)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not a result of m2fp parse|not a JSON object|not valid JSON"),
        (
            '{"format_version": "1.0"}',
            "not a result of m2fp parse|not a JSON object|not valid JSON",
        ),
        ('{"format_version": "2.0"}', "has format version 2.0"),
    ],
)
def test_files_that_are_no_result_are_named(tmp_path, text, named):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(M2fpError, match=named):
        load_result(path)


def test_a_missing_result_is_named(tmp_path):
    with pytest.raises(M2fpError, match=r"x\.json: does not exist"):
        load_result(tmp_path / "x.json")


def test_a_photo_record_of_the_wrong_kind_is_said(tmp_path):
    document = json.loads(written(tmp_path)["results/a/b.json"])
    document["photo"] = True
    with pytest.raises(ValueError, match='"photo" must be an object'):
        read_document(json.dumps(document).encode())
