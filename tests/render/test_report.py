"""The report's page and its previews, without a browser."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import OutputError
from m2fp_cli.layout import preview_name
from m2fp_cli.render import report
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.render.previews import encode_preview, make_preview, read_preview
from m2fp_cli.render.report import PageBuilder, ParseFacts
from m2fp_cli.storage.tree import OutputTree
from tests.support.parsed_tree import FACE, HAIR, PANTS, UPPER, make_tree, two_people
from tests.support.report_page import Page, preview_of


def picture(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def page_of(output, **changes):
    builder = PageBuilder("photos")
    builder.add_photo("a", replace(preview_of(output), **changes), None)
    return Page(builder.render(ParseFacts(), left_out=0))


def test_preview_keeps_ids_apart_and_scores_whole(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    preview = preview_of(output)
    assert preview.hw == (48, 64)
    ids = picture(preview.ids)
    small = two_people((48, 64))
    assert set(np.unique(ids[..., 0])) == {0, HAIR, FACE, UPPER, PANTS}
    assert (ids[..., 0] == small.semantic_map).mean() > 0.97
    assert (ids[..., 1] == small.person_map).mean() > 0.97
    assert [(one.id, round(one.score, 2)) for one in preview.people] == [(1, 0.8), (2, 0.7)]
    assert preview.people[0].parts[0] == (HAIR, HAIR / 100)


def test_the_page_counts_people_who_are_surely_there(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    first, second, *rest = preview_of(output).people
    page = page_of(output, people=(first, replace(second, score=0.49), *rest))
    (photo,) = page.index["photos"]
    assert photo["people"] == 1


def test_preview_of_a_moved_photo_has_none(tmp_path):
    photos, output = make_tree(tmp_path, ("a",))
    (photos / "a.png").unlink()
    preview = preview_of(output)
    assert preview.photo == ""
    assert picture(preview.thumbnail).any()


def test_preview_shows_the_composite(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    (output / "tryon").mkdir()
    Image.new("RGB", (160, 120), (200, 30, 30)).save(output / "tryon" / "a.png")
    shown = picture(preview_of(output).tryon)
    assert shown.shape == (48, 64, 3)
    assert abs(shown.astype(int) - (200, 30, 30)).max() < 12


def test_people_above_255_keep_their_number(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    maps = read_result_maps(OutputTree(output), "a")
    many = np.full(maps.image_hw, 700, np.uint16)
    crowded = replace(maps, person_map=many)
    preview = make_preview(OutputTree(output), "a", None, crowded, side=64)
    ids = picture(preview.ids).astype(int)
    assert (ids[..., 1] + 256 * ids[..., 2] == 700).all()


def test_page_asks_for_nothing_from_anywhere(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    builder = PageBuilder("photos")
    builder.add_photo("a", preview_of(output), None)
    text = builder.render(ParseFacts(), left_out=0)
    assert all(address.startswith(("data:", "#")) for address in Page(text).addresses)
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttp", text)
    assert "default-src &#39;none&#39;; img-src data:;" in text


def test_names_are_text_and_nothing_else(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    evil = "</script><img src=x onerror=alert(1)>{{7*7}}\u202e.jpg"
    builder = PageBuilder(evil)
    builder.add_photo(evil, preview_of(output), None)
    builder.add_failure(evil, "corrupt", evil)
    page = Page(builder.render(ParseFacts(), left_out=0))
    assert page.index["photos"][0]["name"].startswith(
        "</script><img src=x onerror=alert(1)>{{7*7}}"
    )
    assert "x" not in page.addresses
    assert set(page.scripts) == {"index", "", "block-0"}


def test_label_names_are_text_too(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    names = list(preview_of(output).labels)
    names[HAIR] = "</script><b>"
    page = page_of(output, labels=tuple(names))
    assert page.index["labelSets"][0]["names"][HAIR] == "</script><b>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", "\x1b[2J"),
        ("labels", ["a", "a"]),
        ("label_ids", [500]),
        ("hw", [None, 64]),
        ("people", [{"id": 1, "score": 0.5, "parts": [[1, 2, 3]]}]),
        ("people", True),
        ("photo", "https://example.com/count.png"),
        ("ids", None),
    ],
)
def test_a_preview_that_a_stranger_made_is_checked(tmp_path, name, value):
    _, output = make_tree(tmp_path)
    preview = preview_of(output)
    path = output / preview_name("a")
    path.parent.mkdir(parents=True)
    document = json.loads(encode_preview(preview))
    with OutputTree(output) as tree:
        path.write_text(json.dumps(document))
        assert read_preview(tree, "a") == preview
        path.write_text(json.dumps({**document, name: value}))
        with pytest.raises(OutputError, match="run it again"):
            read_preview(tree, "a")


def test_each_script_of_the_page_uses_only_those_before_it():
    page = Path(report.__file__).parent / "page"
    listed = re.search(r"for name in \((.+?)\) %}", (page / "report.html.j2").read_text())
    assert listed is not None
    names = re.findall(r"'(\w+)'", listed[1])
    assert sorted(names) == sorted(path.stem for path in (page / "scripts").glob("*.js"))
    for place, name in enumerate(names):
        used = re.findall(r'from "./(\w+).js"', (page / "scripts" / f"{name}.js").read_text())
        assert set(used) <= set(names[:place])
