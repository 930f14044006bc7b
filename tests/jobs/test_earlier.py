"""Which photos an output has results of, also while a parse writes it."""

from __future__ import annotations

from m2fp_cli.batch.history import manifest_name, read_history
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.jobs import earlier
from m2fp_cli.jobs.earlier import MovedPhotos, find_parsed, find_photo
from m2fp_cli.storage.tree import OutputTree
from tests.support.hostile_folders import without_rights
from tests.support.parsed_tree import make_tree


def test_a_photo_that_a_run_is_just_ending_is_left_out(tmp_path):
    _, output = make_tree(tmp_path, ("a", "b"))
    manifest = output / manifest_name("parse")
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if '"key":"b"' not in line))
    assert [task.key for task in find_parsed(output).tasks] == ["a", "b"]  # pruned, or copied here
    with OutputTree(output) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.start({}, 2, 1)
        writer.claim(["b"])
        writer.close()
    scan = find_parsed(output)
    assert [task.key for task in scan.tasks] == ["a"]
    assert scan.notes[0].startswith("1 photo left to parse")


def test_a_photo_in_a_closed_folder_is_left_to_who_reads_it():
    with without_rights() as folder:
        (folder / "summer").mkdir(mode=0)
        assert find_photo(folder, "summer/a", "a.jpg") == folder / "summer" / "a.jpg"
        assert find_photo(folder, "winter/a", "a.jpg") is None


def test_photos_that_end_while_the_manifest_is_read_are_not_strangers(tmp_path, monkeypatch):
    photos, output = make_tree(tmp_path, ("a",))

    def read_slowly(tree):
        history = read_history(tree)
        make_tree(tmp_path, ("b",))
        return history

    monkeypatch.setattr(earlier, "read_history", read_slowly)
    assert [task.path for task in find_parsed(output).tasks] == [str(photos / "a.png")]


def test_photos_that_are_not_in_the_folder_that_is_named_are_counted(tmp_path):
    photos, output = make_tree(tmp_path)
    assert find_parsed(output, photos=photos / "sub").notes == ()  # they are where they were
    moved = photos.rename(tmp_path / "moved")
    assert find_parsed(output, photos=moved).notes == ()
    assert find_parsed(output, photos=moved / "sub").notes == (
        f"2 photos not below {moved / 'sub'}, such as a.png; --photos names the folder that was "
        "parsed, with its sub-folders, where it is now",
    )


def test_photos_whose_old_folder_is_closed_are_counted_too():
    with without_rights() as folder:
        (folder / "closed").mkdir(mode=0)
        moved = MovedPhotos(folder)
        assert moved.find("a", ImageTask(str(folder / "closed" / "a.jpg"), "a")) is None
        assert moved.missing == 1
