"""Which photos a scan takes, and what it says when there are none."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import ExitCode, NoImagesError
from tests.support.hostile_folders import (
    without_rights,
)
from tests.support.scanned import keys, scan, touch


def test_a_folder_is_mirrored_and_sub_folders_only_when_asked(tmp_path: Path) -> None:
    touch(tmp_path, ["b.jpg", "a.png", "sub/c.jpg", "sub/deep/d.webp"])
    assert keys(tmp_path, recursive=False) == ["a", "b"]
    assert keys(tmp_path) == ["a", "b", "sub/c", "sub/deep/d"]


def test_sources_are_absolute_whatever_the_input_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, ["photos/a.jpg"])
    monkeypatch.chdir(tmp_path / "photos")
    for path in (Path(), Path("a.jpg"), Path("../photos"), tmp_path / "photos"):
        (task,) = find_images([path], output=Path("m2fp-out")).tasks
        assert task == ImageTask(str(tmp_path / "photos" / "a.jpg"), "a")


def test_suffixes_count_in_any_case_and_others_do_not(tmp_path: Path) -> None:
    taken = ["a.JPG", "b.Jpeg", "c.PnG", "d.webp", "e.BMP", "f.tif", "g.TIFF", "h.gif", "i.AVIF"]
    touch(tmp_path, [*taken, "j.heic", "k.txt", "l", "m.json", "n.mp4", "o.jpg.part"])
    assert keys(tmp_path) == list("abcdefghij")


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path, ["photo", "v1.5 final", ".hidden.jpg", "x.txt"])
    inputs = [tmp_path / name for name in ("photo", "v1.5 final", ".hidden.jpg", "x.txt")]
    assert keys(*inputs, output=tmp_path / "out") == [".hidden", "photo", "v1.5 final", "x.txt"]


def test_hidden_names_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "._a.jpg", ".thumbs/b.jpg", ".m2fp/c.jpg", ".m2fp-0a1b2c3d.tmp"])
    assert keys(tmp_path) == ["a"]


def test_the_order_is_sorted_and_independent_of_the_inputs_order(tmp_path: Path) -> None:
    touch(tmp_path, [f"{folder}/{name}.jpg" for folder in "ba" for name in "zxy"])
    one = scan(tmp_path / "a", tmp_path / "b", output=tmp_path / "o")
    two = scan(tmp_path / "b", tmp_path / "a", tmp_path / "b", output=tmp_path / "o")
    assert one == two
    assert [task.key for task in one.tasks] == ["a/x", "a/y", "a/z", "b/x", "b/y", "b/z"]


def test_a_task_is_small_and_survives_pickling(tmp_path: Path) -> None:
    task = ImageTask("/data/photos/summer/IMG_20261122_0001\udcff.jpg", "summer/IMG_1\udcff")
    assert pickle.loads(pickle.dumps(task)) == task
    assert len(pickle.dumps(task)) < 300


def test_the_systems_own_folders_are_left_out_with_one_note(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "@eaDir/a.jpg", "sub/#recycle/b.jpg", "lost+found/c.jpg"])
    found = scan(tmp_path)
    assert [task.key for task in found.tasks] == ["a"]
    assert [note.partition(": ")[2] for note in found.notes] == ["left out: the system's own"]


@pytest.mark.parametrize(
    ("pattern", "left"), [("*_thumb.jpg", ["a", "old/c"]), ("old", ["a", "b_thumb"])]
)
def test_patterns_leave_files_and_folders_out(tmp_path: Path, pattern: str, left: list) -> None:
    touch(tmp_path, ["a.jpg", "b_thumb.jpg", "old/c.jpg"])
    rules = ScanRules(recursive=True, exclude=(pattern,))
    found = find_images([tmp_path], output=tmp_path / "out", rules=rules)
    assert [task.key for task in found.tasks] == left


def test_nothing_found_says_where_and_exits_66(tmp_path: Path) -> None:
    touch(tmp_path, ["notes.txt"])
    with pytest.raises(NoImagesError, match=f"no photo found in {tmp_path}$") as caught:
        scan(tmp_path)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_nothing_found_hints_at_sub_folders(tmp_path: Path) -> None:
    touch(tmp_path, ["sub/deep/a.jpg"])
    with pytest.raises(NoImagesError, match="sub-folders hold photos, add -r"):
        scan(tmp_path, recursive=False)


def test_the_hint_does_not_count_the_own_results(tmp_path: Path) -> None:
    touch(tmp_path, ["out/labels/a.png", ".hidden/a.jpg"])
    with pytest.raises(NoImagesError) as caught:
        scan(tmp_path, recursive=False, output=tmp_path / "out")
    assert "add -r" not in str(caught.value)


@pytest.mark.parametrize("recursive", [False, True])
def test_what_is_excluded_is_not_looked_for_in_sub_folders(tmp_path: Path, recursive: bool) -> None:
    touch(tmp_path, ["a.jpg", "sub/b.jpg"] if recursive else ["a.jpg", "sub/c.txt"])
    rules = ScanRules(recursive=recursive, exclude=("*.jpg",))
    with pytest.raises(NoImagesError, match=r"excluded fits all that are there$"):
        find_images([tmp_path], output=tmp_path / "out", rules=rules)


def test_only_missing_inputs_are_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(NoImagesError, match=r"no photo found .* is not there"):
        scan(tmp_path / "none")
    with pytest.raises(NoImagesError, match="cannot be read"):
        scan(tmp_path / "nul\0byte", output=tmp_path)


def test_a_folder_that_was_looked_in_is_one_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(NoImagesError) as caught:
        scan(tmp_path / "none" / "a.jpg", output=tmp_path)
    assert f"is not there; {tmp_path} was looked in" in str(caught.value)


def test_a_folder_that_may_not_be_read_says_so() -> None:
    with without_rights() as folder:
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0)
        with pytest.raises(NoImagesError, match="permission denied; check its permissions"):
            scan(folder / "locked", output=folder / "out")
