"""Which map belongs to which photo of a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from m2fp_cli.errors import NoImagesError, NoInputError
from m2fp_cli.evaluation.dataset import choose_photos, find_labelled

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


def test_a_list_without_an_id_is_said_to_be_empty(tmp_path):
    names = tmp_path / "ids.txt"
    names.write_text("\n \n")
    with pytest.raises(NoImagesError, match=r"ids.txt lists no photo; give one id a line"):
        choose_photos([], names=names)


@pytest.mark.parametrize(("closed", "call"), [("photos", "iterdir"), ("labels", "is_file")])
def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch, closed, call):
    for kind in ("photos", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "photos/a.jpg").touch()
    true = getattr(Path, call)

    def refuse(path):
        if closed in path.parts[-2:]:
            raise PermissionError(13, "Permission denied", str(path))
        return true(path)

    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(NoInputError, match=rf"{closed}.* cannot be read \(Permission denied\)"):
        find_labelled(tmp_path)
