"""Files to bytes, whatever lies under a photo's name."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.reading import read_bytes
from tests.support.hostile_folders import (
    make_awkward_photos,
    make_fifo,
    make_self_symlink,
    make_socket,
    without_rights,
)
from tests.support.hostile_pictures import reason_of
from tests.support.picture_bytes import (
    encoded,
    photo_rgb,
)


@pytest.fixture
def alarm() -> Any:
    """Turn a read that blocks into a failure instead of a hang."""
    signal.alarm(5)
    yield
    signal.alarm(0)


@pytest.mark.usefixtures("alarm")
def test_a_pipe_named_jpg_does_not_block(tmp_path: Path) -> None:
    assert reason_of(read_bytes, make_fifo(tmp_path / "x.jpg")) == "unsupported"


def test_sockets_folders_and_devices_are_refused(tmp_path: Path) -> None:
    with without_rights() as folder, make_socket(folder / "s.jpg") as path:
        assert reason_of(read_bytes, path) == "unsupported"
    assert reason_of(read_bytes, tmp_path) == "unsupported"
    assert reason_of(read_bytes, Path("/dev/zero")) == "unsupported"


def test_what_is_gone_has_vanished(tmp_path: Path) -> None:
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert reason_of(read_bytes, tmp_path / "nothing.jpg") == "vanished"
    assert reason_of(read_bytes, tmp_path / "dangling.jpg") == "vanished"
    assert reason_of(read_bytes, tmp_path / "file" / "x.jpg") == "vanished"


def test_what_may_not_be_read_is_unreadable() -> None:
    with without_rights() as folder:
        (folder / "x.jpg").write_bytes(b"data")
        (folder / "x.jpg").chmod(0)
        assert reason_of(read_bytes, folder / "x.jpg") == "unreadable"


def test_odd_paths_are_unreadable_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "nul\0byte.jpg", tmp_path / ("n" * 300)):
        assert reason_of(read_bytes, path) == "unreadable"


def test_the_size_limit_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(bytes(1000))
    assert len(read_bytes(path, max_bytes=1000)) == 1000
    assert reason_of(read_bytes, path, max_bytes=999) == "too_large"


def test_a_huge_sparse_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(10 * 2**40)
    assert reason_of(read_bytes, tmp_path / "sparse.jpg") == "too_large"


def test_a_file_that_understates_its_size_is_still_bounded() -> None:
    assert reason_of(read_bytes, Path("/proc/self/maps"), max_bytes=64) == "too_large"


def test_awkward_names_are_read(tmp_path: Path) -> None:
    for path in make_awkward_photos(tmp_path):
        assert read_image(path).image_hw == (8, 8)


def test_a_linked_file_is_read_and_a_looping_folder_refused(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(encoded(photo_rgb(4, 4), "PNG"))
    (tmp_path / "link.jpg").symlink_to("real.png")
    assert read_image(tmp_path / "link.jpg").format == "PNG"
    assert reason_of(read_bytes, make_self_symlink(tmp_path)) == "unsupported"


def test_no_descriptor_leaks(tmp_path: Path) -> None:
    make_fifo(tmp_path / "x.jpg")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        for path in (tmp_path / "x.jpg", tmp_path, tmp_path / "none"):
            reason_of(read_bytes, path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
