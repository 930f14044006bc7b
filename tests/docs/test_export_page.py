"""The tables of the page about exports say what the code does."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from m2fp_cli.agnostic.categories import CATEGORIES
from m2fp_cli.agnostic.rules import RULES
from m2fp_cli.commands.export import Target
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportSettings
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.mapping import load_mapping
from tests.support.exporting import drawn_photo
from tests.support.pages import ROOT, read_blocks, read_code_spans, read_table_rows

PAGE = ROOT / "docs" / "export.md"
ROWS = read_table_rows(PAGE)


def table(heading):
    """Rows of the table whose first heading is this one, without headings."""
    start = next(i for i, row in enumerate(ROWS) if row[0] == heading)
    rows = ROWS[start + 2 :]
    end = next((i for i, row in enumerate(rows) if set(row[0]) == {"-"}), len(rows) + 1)
    return rows[: end - 1]


def test_every_format_has_a_line():
    assert {read_code_spans(row[0])[0] for row in table("`--to`")} == {one.value for one in Target}


@pytest.mark.parametrize(("column", "name"), [(1, "atr"), (2, "lip"), (3, "viton13")])
def test_labels_go_where_the_table_says(column, name):
    mapping = load_mapping(name)
    for row in table("CIHP"):
        number, source = row[0].split()
        target = mapping.target_of(source)
        names = (target,) if isinstance(target, str) else target
        assert CIHP.id_of(source) == int(number)
        assert row[column] == " or ".join(f"{mapping.labels.id_of(one)} {one}" for one in names)
    assert len(table("CIHP")) == len(CIHP.part_ids) + 1


def test_categories_and_rules_are_all_there():
    assert {read_code_spans(row[0])[0] for row in table("`--category`")} == set(CATEGORIES)
    rows = [row for row in ROWS if row[0].startswith("`")]
    assert set(RULES) <= {read_code_spans(row[0])[0] for row in rows}


def test_the_folders_of_viton_hd_are_those_that_are_written():
    files = find_format("viton-hd").encode(drawn_photo(), ExportSettings(people="largest")).files
    said = {read_code_spans(row[0])[0]: read_code_spans(row[1])[0] for row in table("folder")}
    assert {f"test/{folder}/{name.replace('NAME', 'a')}" for folder, name in said.items()} == set(
        files
    )
    text = PAGE.read_text()
    assert all(f"`{name}`" in text for name in find_format("viton-hd").not_made)


def test_the_label_set_on_the_page_is_one(tmp_path):
    (block,) = (one for one in read_blocks(PAGE) if one.language == "json")
    path = tmp_path / "mine.json"
    path.write_text(block.text)
    mapping = load_mapping(str(path))
    assert mapping.target_of("Coat") == "Top"
    assert json.loads(block.text)["labels"][0] == mapping.target_of("Hair")


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_the_page_puts_a_picture_back_into_a_photo_that_exif_turns(fit, tmp_path):
    photo = drawn_photo()
    upright = Image.fromarray(photo.image_bgr[..., ::-1])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "a.png", exif=exif)
    made = find_format("viton-hd").encode(photo, ExportSettings(people="largest", fit=fit))
    picture, mask = (
        Image.open(BytesIO(made.files[name]))
        for name in ("test/image/a.jpg", "test/agnostic-mask/a_mask.png")
    )
    names: dict[str, Any] = {}
    exec(next(one.text for one in read_blocks(PAGE) if "def put_back" in one.text), names)
    (person,) = made.record["people"]
    back = names["put_back"](tmp_path / "a.png", person, ImageOps.invert(picture), mask)
    assert back.size == upright.size == tuple(person["photo_wh"])
    changed = np.asarray(back) != np.asarray(upright)
    assert changed.any()
    again = names["put_back"](tmp_path / "a.png", person, picture, mask)
    apart = np.abs(np.asarray(again, int) - np.asarray(upright, int))
    assert apart.mean() < 0.02 * np.abs(np.asarray(back, int) - np.asarray(upright, int)).mean()
