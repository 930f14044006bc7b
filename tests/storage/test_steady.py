from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from m2fp_cli.storage import steady
from m2fp_cli.storage.marks import mark_of
from m2fp_cli.storage.steady import SteadyLook
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.marks import needs_marks

NAMES = ("a/x", "a/deep/x", "b/x", "a/none", "none/x", "a", "c/x", "a/link", "a/x/y", "top")


@pytest.fixture
def output(tmp_path):
    for name in ("a/x", "a/deep/x", "b/x", "top"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "c").symlink_to("b")  # a linked folder: what is in it is not the output's
    (tmp_path / "a" / "link").symlink_to("x")
    return tmp_path


@pytest.mark.parametrize("most", [1, 64])
def test_a_steady_look_answers_as_the_output(output, most, monkeypatch):
    monkeypatch.setattr(steady, "_MOST_FOLDERS", most)
    open_before = len([*Path("/proc/self/fd").iterdir()])
    with OutputTree(output) as tree, SteadyLook(tree) as look:
        for name in NAMES * 2:
            assert look.has_file(name) == tree.has_file(name), name
            assert look.is_folder(name) == tree.is_folder(name), name
            assert look.mark(name) == tree.mark(name), name
        assert look.has_file("a/x")
        assert not look.has_file("c/x")
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


@needs_marks
def test_marks_are_read(output):
    with OutputTree(output) as tree, SteadyLook(tree) as look:
        write_group(tree, [("a/written", b"ours")])
        unseen = look.mark("a/written")
        assert look.has_file("a/x")
        assert look.mark("a/written") == unseen == mark_of("a/written", zlib.crc32(b"ours"))


def test_a_file_that_comes_or_goes_is_seen(output):
    with OutputTree(output) as tree, SteadyLook(tree) as look:
        assert look.has_file("a/x")
        (output / "a" / "x").unlink()
        (output / "a" / "new").touch()
        assert not look.has_file("a/x")
        assert look.has_file("a/new")
