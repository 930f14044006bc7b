"""Marks on files: what m2fp wrote is known by its bytes and name, where file systems can."""

from __future__ import annotations

import os

import pytest

from m2fp_cli.storage.edits import written_checksum
from m2fp_cli.storage.marks import make_token
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.marks import needs_marks


@pytest.fixture
def tree(tmp_path):
    with OutputTree(tmp_path, create=True) as tree:
        yield tree


@needs_marks
def test_a_mark_says_which_bytes_were_written(tree):
    (written,) = write_group(tree, [("labels/a.png", b"ours")])
    assert written_checksum(tree, "labels/a.png") == written.checksum
    (tree.path / "labels" / "a.png").write_bytes(b"corrected")
    assert written_checksum(tree, "labels/a.png") is None


@needs_marks
def test_the_mark_of_a_moved_file_says_nothing(tree):
    write_group(tree, [("labels/a.png", b"ours")])
    (tree.path / "labels" / "a.png").rename(tree.path / "labels" / "b.png")
    assert written_checksum(tree, "labels/b.png") is None


def test_files_are_written_where_no_marks_are_kept(tree, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    write_group(tree, [("labels/a.png", b"ours")])
    assert tree.read("labels/a.png") == b"ours"
    assert written_checksum(tree, "labels/a.png") is None
    with (tree.path / "labels" / "a.png").open("rb+") as file:
        assert not make_token(file.fileno())
