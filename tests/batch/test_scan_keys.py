"""A key for each photo of a scan: never the same, and fit for names of files."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.walk import ScanRules
from tests.support.hostile_folders import (
    make_awkward_photos,
)
from tests.support.scanned import keys, scan, touch


def test_the_first_of_a_clash_keeps_the_plain_key_and_it_is_said(tmp_path: Path) -> None:
    touch(tmp_path, ["a.png", "a.jpg", "a.webp", "b.jpg"])
    result = scan(tmp_path)
    assert [task.key for task in result.tasks] == ["a", "a.png", "a.webp", "b"]
    assert [task.source.name for task in result.tasks] == ["a.jpg", "a.png", "a.webp", "b.jpg"]
    assert "a.png: results are named a.png, a is taken" in result.notes[0]
    assert len(result.notes) == 2


def test_a_name_that_looks_like_another_ones_answer_to_a_clash(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "a.png", "a.png.jpg", "a.png.webp"])
    assert keys(tmp_path) == ["a", "a.png", "a.png.jpg", "a.png.webp"]


def test_a_folder_named_like_a_result_does_not_block_it(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "a.png/b.jpg", "c.jpg", "c.json/d.jpg", "c.jpg.json/e.jpg"])
    found = keys(tmp_path)
    assert len(found) == 5
    results = {f"{key}{suffix}" for key in found for suffix in (".png", ".json", ".jpg")}
    folders = {parent.as_posix() for key in found for parent in Path(key).parents}
    assert not results & folders


def test_same_names_in_several_folders_do_not_meet(tmp_path: Path) -> None:
    touch(tmp_path, ["x/photos/a.jpg", "y/photos/a.jpg", "other/a.jpg", "a.jpg"])
    inputs = [tmp_path / name for name in ("x/photos", "y/photos", "other", "a.jpg")]
    found = keys(*inputs, output=tmp_path / "out")
    assert found == ["a", "other/a", "x/photos/a", "y/photos/a"]


def test_a_glob_of_a_folder_mirrors_that_folder(tmp_path: Path) -> None:
    touch(tmp_path, ["p/a.jpg", "p/sub/b.jpg"])
    assert keys(*(tmp_path / "p").glob("*"), output=tmp_path / "out") == keys(tmp_path / "p")


def test_named_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    touch(tmp_path, ["s/1/x.jpg", "s/2/x.png", "t/2/x.jpg", "t/2/y.jpg"])
    found = keys(*tmp_path.rglob("*.*"), output=tmp_path / "out")
    assert found == ["1/x", "s/2/x", "t/2/x", "y"]


def test_overlapping_inputs_give_each_photo_once(tmp_path: Path) -> None:
    touch(tmp_path, ["p/a.jpg", "p/sub/b.jpg"])
    (tmp_path / "alias").symlink_to("p", target_is_directory=True)
    inputs = [tmp_path / name for name in ("p", "p/sub", "p/a.jpg")]
    result = scan(*inputs, output=tmp_path / "out")
    assert [task.key for task in result.tasks] == ["p/a", "p/sub/b"]
    assert result.notes == (
        f"{tmp_path}/p/a.jpg and 1 more: named by more than one input, parsed once",
    )
    assert len(keys(tmp_path / "alias", tmp_path / "p", output=tmp_path / "out")) == 2


def test_keys_do_not_change_when_the_tree_is_listed_in_another_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, ["a.webp", "a.jpg", "s/a.png", "s/a.gif", "t/c.bmp"])
    before = scan(tmp_path)
    listing = os.scandir

    class Backwards:
        def __init__(self, path: Path) -> None:
            with listing(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert scan(tmp_path) == before


def test_awkward_names_become_distinct_keys_that_fit(tmp_path: Path) -> None:
    sources = make_awkward_photos(tmp_path)
    result = scan(tmp_path)
    assert sorted(task.source for task in result.tasks) == sorted(sources)
    assert len({task.key for task in result.tasks}) == len(sources)
    for task in result.tasks:
        written = tmp_path / "m2fp-out" / "labels" / (task.key + ".json")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(b"")  # names of up to 255 bytes and invalid UTF-8 can be written
    assert all(note.isprintable() for note in result.notes)


def test_long_names_stay_distinct_after_shortening(tmp_path: Path) -> None:
    touch(tmp_path, ["n" * 250 + f"{number}.jpg" for number in (1, 2)])
    one, two = keys(tmp_path)
    assert one != two
    assert len(one) == len(two) == 239


def test_a_path_too_deep_for_its_results_fails_alone(tmp_path: Path) -> None:
    deep = Path(*(["d" * 200] * 17))
    folder = os.open(tmp_path, os.O_RDONLY)
    for part in deep.parts:
        os.mkdir(part, dir_fd=folder)
        folder, outer = os.open(part, os.O_RDONLY, dir_fd=folder), folder
        os.close(outer)
    os.close(os.open("x.jpg", os.O_CREAT, dir_fd=folder))
    os.close(folder)
    touch(tmp_path, ["a.jpg"])
    result = scan(tmp_path, output=tmp_path / ("o" * 200) / ("p" * 200) / ("q" * 200))
    assert [task.key for task in result.tasks] == ["a"]
    assert [failure.reason for failure in result.failures] == ["unsupported"]


def test_a_prefix_keeps_folders_apart(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg"])
    rules = ScanRules(prefix="tue/am")
    found = find_images([tmp_path], output=tmp_path / "out", rules=rules)
    assert [task.key for task in found.tasks] == ["tue/am/a"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("12:30.jpg", "12%3A30"),
        ("50%.jpg", "50%25"),
        ("con.jpg", "%63on"),
        ("a .png.jpg", "a .png"),
    ],
)
def test_safe_names_can_be_read_back(tmp_path: Path, name: str, key: str) -> None:
    touch(tmp_path, [name])
    rules = ScanRules(safe_names=True)
    (task,) = find_images([tmp_path], output=tmp_path / "out", rules=rules).tasks
    assert task.key == key
    assert unquote(task.key) == name.removesuffix(".jpg")
