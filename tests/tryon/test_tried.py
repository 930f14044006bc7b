"""What pictures of try-on show, read from the records beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.tried import TriedLook, read_tried


def write_record(path, **placed):
    items = [
        {"kind": kind, "name": kind[:1], "placed": is_placed} for kind, is_placed in placed.items()
    ]
    return {"picture": path.name, "people": [{"items": items}, {"items": items}]}


def test_a_picture_tells_what_was_put_on(tmp_path):
    picture = tmp_path / "anna.png"
    record = write_record(picture, hat=True, glasses=False)
    picture.with_suffix(".json").write_text(json.dumps(record))
    assert read_tried(picture) == [TriedLook((("hat", "h"),), picture)]


def test_a_folder_of_variants_tells_of_all_that_were_put_on(tmp_path):
    names = {"a.png": True, "b.png": False, "c.png": True}
    for name, placed in names.items():
        record = write_record(tmp_path / name, hat=placed)
        (tmp_path / name).with_suffix(".json").write_text(json.dumps(record))
    assert [one.picture.name for one in read_tried(tmp_path)] == ["a.png", "c.png"]
    assert [one.picture.name for one in read_tried(tmp_path / "c.png")] == ["c.png"]
    assert read_tried(tmp_path / "b.png") == []


@pytest.mark.parametrize(
    ("record", "message"),
    [(None, "has no record"), ("[", "is not a record"), ('{"people": 3}', "is not a record")],
)
def test_what_is_no_picture_of_ours_is_said(tmp_path, record, message):
    (tmp_path / "anna.png").touch()
    if record is not None:
        (tmp_path / "anna.json").write_text(record)
    with pytest.raises(UsageError, match=message):
        read_tried(tmp_path / "anna.png")


@pytest.mark.parametrize("name", [".", "/", "anna.json"])
def test_only_a_picture_or_a_folder_is_tried_on(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    record = {"people": [{"items": [{"kind": "hat", "name": "cap", "placed": True}]}]}
    (tmp_path / "anna.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="has no record of m2fp tryon; name a picture"):
        read_tried(Path(name))
