from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import pytest

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.tasks import ImageTask, Scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import ExitCode, NoImagesError, UsageError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable
from tests.support.hostile_folders import (
    make_awkward_photos,
    make_fifo,
    make_self_symlink,
    make_socket,
    without_rights,
)


def touch(root: Path, names: Iterable[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_down(output: Path, *files: str, key: str = "a") -> None:
    """Let a manifest say that a run wrote some files."""
    with OutputTree(output) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.add(ImageReport("/x/a.jpg", key, Status.DONE, files=files), (), "")
        writer.close()


def scan(*inputs: Path, recursive: bool = True, output: Path | None = None) -> Scan:
    rules = ScanRules(recursive=recursive)
    return find_images(inputs, output=output or inputs[0] / "m2fp-out", rules=rules)


def keys(*inputs: Path, recursive: bool = True, output: Path | None = None) -> list[str]:
    return [task.key for task in scan(*inputs, recursive=recursive, output=output).tasks]


# --------------------------------------------------------------------------------- what is taken


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


# -------------------------------------------------------------------------- keys never collide


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


# ------------------------------------------------------------------------------ hostile folders


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


def test_a_loop_of_links_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "sub/b.jpg"])
    make_self_symlink(tmp_path)
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    result = scan(tmp_path)
    assert [task.key for task in result.tasks] == ["a", "sub/b"]
    assert [note.split(tmp_path.name)[1] for note in result.notes] == [
        "/loop is left out: it is a link to a folder",
        "/sub/up is left out: it is a link to a folder",
    ]


def test_a_named_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, ["real/a.jpg"])
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    (task,) = scan(tmp_path / "link", output=tmp_path / "out").tasks
    assert task == ImageTask(str(tmp_path / "link" / "a.jpg"), "a")


def test_linked_files_are_taken_under_their_own_name(tmp_path: Path) -> None:
    touch(tmp_path, ["store/x.jpg"])
    touch(tmp_path, ["p/a.jpg"])
    (tmp_path / "p" / "link.jpg").symlink_to(tmp_path / "store" / "x.jpg")
    assert keys(tmp_path / "p") == ["a", "link"]


def test_a_dangling_link_is_a_failure(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg"])
    (tmp_path / "b.jpg").symlink_to("nothing.jpg")
    (failure,) = scan(tmp_path).failures
    assert (failure.source, failure.reason) == (tmp_path / "b.jpg", "vanished")


def test_pipes_sockets_and_folders_named_like_photos(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "folder.jpg/b.jpg"])
    make_fifo(tmp_path / "pipe.jpg")
    result = scan(tmp_path)
    assert [task.key for task in result.tasks] == ["a", "folder.jpg/b"]
    assert "pipe.jpg is left out: it is no regular file" in result.notes[0]
    with without_rights() as folder, make_socket(folder / "s.jpg"):
        touch(folder, ["c.jpg"])
        assert keys(folder) == ["c"]


def test_a_locked_folder_is_a_failure_and_the_rest_is_found() -> None:
    with without_rights() as folder:
        touch(folder, ["a.jpg", "locked/b.jpg"])
        (folder / "locked").chmod(0)
        result = scan(folder)
        assert [task.key for task in result.tasks] == ["a"]
        (failure,) = result.failures
        assert (failure.source, failure.reason) == (folder / "locked", "unreadable")


def test_a_missing_input_fails_beside_those_that_exist(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg"])
    result = scan(tmp_path, tmp_path / "missing.jpg")
    assert len(result.tasks) == 1
    assert [failure.reason for failure in result.failures] == ["vanished"]


# ------------------------------------------------------------------------------- the own output


def test_the_output_inside_the_input_is_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "out/overlays/a.jpg", "out/labels/a.png", "sub/b.jpg"])
    assert keys(tmp_path, output=tmp_path / "out") == ["a", "sub/b"]


def test_the_output_is_known_behind_a_link(tmp_path: Path) -> None:
    touch(tmp_path, ["p/a.jpg", "p/out/overlays/a.jpg"])
    (tmp_path / "link").symlink_to(tmp_path / "p" / "out", target_is_directory=True)
    assert keys(tmp_path / "p", output=tmp_path / "link") == ["a"]


def test_results_of_an_earlier_run_elsewhere_in_the_tree_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "old/labels/a.png", "old/labels/own.png", "old/own/b.jpg"])
    write_down(tmp_path / "old", "labels/a.png")
    assert keys(tmp_path) == ["a", "old/labels/own", "old/own/b"]


def test_input_and_output_in_one_folder(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "labels/a.png", "people/anna.jpg", "sub/people/b.jpg"])
    write_down(tmp_path, "labels/a.png")
    assert keys(tmp_path, output=tmp_path) == ["a", "people/anna", "sub/people/b"]


def test_what_a_killed_run_has_written_is_no_photo(tmp_path: Path) -> None:
    touch(tmp_path, ["a.jpg", "labels/a.png", "labels/b.png"])
    with OutputTree(tmp_path) as tree:
        ManifestWriter(tree, manifest_name("parse")).claim(["a"])
    assert keys(tmp_path, output=tmp_path) == ["a", "labels/b"]


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


def test_an_input_inside_the_output_is_fine_outside_its_results(tmp_path: Path) -> None:
    touch(tmp_path, ["photos/a.jpg", "labels/a.png"])
    assert keys(tmp_path / "photos", output=tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["labels", "overlays/sub", "tryon/a.jpg", ".m2fp"])
def test_results_are_refused_as_input(tmp_path: Path, name: str) -> None:
    touch(tmp_path, ["overlays/sub/a.jpg", "labels/a.png", "tryon/a.jpg", ".m2fp/a.png"])
    write_down(tmp_path, "labels/a.png", "tryon/a.jpg")
    write_down(tmp_path, "overlays/sub/a.jpg", key="sub/a")
    with pytest.raises(UsageError, match="holds results of"):
        scan(tmp_path / name, output=tmp_path)


# ---------------------------------------------------------------------------------- nothing found


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


def test_only_missing_inputs_are_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(NoImagesError, match=r"no photo found .* is not there"):
        scan(tmp_path / "none")
    with pytest.raises(NoImagesError, match="cannot be read"):
        scan(tmp_path / "nul\0byte", output=tmp_path)


def test_a_folder_that_may_not_be_read_says_so() -> None:
    with without_rights() as folder:
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0)
        with pytest.raises(NoImagesError, match="permission denied; check its permissions"):
            scan(folder / "locked", output=folder / "out")


# -------------------------------------------------------------------------------- names in print


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain é 右.jpg", "plain é 右.jpg"),
        ("line\nbreak\t.jpg", r"line\nbreak\t.jpg"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("[red]", "[red]"),
        ("caf\udce9", "caf\N{REPLACEMENT CHARACTER}"),
        ("a\u202egpj", r"a\u202egpj"),
    ],
)
def test_displayable(name: str, shown: str) -> None:
    assert displayable(Path(name)) == shown
    assert displayable(name).encode()
