"""Which map belongs to which photo of a data set."""

from __future__ import annotations

import pytest

from m2fp_cli.evaluation.dataset import find_labelled

LONG = "n" * 245  # a parse cuts such a name


@pytest.mark.parametrize(
    ("photos", "maps", "wanted"),
    [
        (["a.jpg", "a.png"], ["a", "a.png"], {"a.jpg": "a.png", "a.png": "a.png.png"}),
        (["a.jpg", "a.png"], ["a"], {"a.jpg": "a.png"}),  # never that of the photo beside it
        (["a.jpg", "a.png"], ["a.png"], {"a.png": "a.png.png"}),
        ([f"{LONG}.jpg"], [LONG], {f"{LONG}.jpg": f"{LONG}.png"}),
    ],
)
def test_photos_of_one_name_have_the_maps_that_a_parse_gave_them(tmp_path, photos, maps, wanted):
    for kind in ("photos", "labels", "people"):
        (tmp_path / kind).mkdir()
    for photo in photos:
        (tmp_path / "photos" / photo).touch()
    for name in maps:
        (tmp_path / "labels" / f"{name}.png").touch()
        (tmp_path / "people" / f"{name}.png").touch()
    found = find_labelled(tmp_path)
    assert {one.photo.name: one.labels.name for one in found} == wanted
    assert {one.photo.name: one.people.name for one in found if one.people} == wanted
