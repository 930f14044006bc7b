"""Links, pipes, locked folders and missing files in a scan."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.batch.tasks import ImageTask
from tests.support.hostile_folders import (
    make_fifo,
    make_self_symlink,
    make_socket,
    without_rights,
)
from tests.support.scanned import keys, scan, touch


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
