"""Nothing outside an output is ever reached through it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.storage.errors import TargetError
from m2fp_cli.storage.look import ClosedPlace
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.hostile_folders import make_fifo


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[OutputTree]:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious.png").write_bytes(b"kept")
    with OutputTree(tmp_path / "out", create=True) as tree:
        (tree.path / "labels").symlink_to(tmp_path / "outside")
        yield tree


def outside(tree: OutputTree) -> list[tuple[str, bytes]]:
    folder = tree.path.parent / "outside"
    return [(path.name, path.read_bytes()) for path in folder.iterdir()]


def test_a_linked_folder_is_not_entered(tree: OutputTree) -> None:
    assert tree.status("labels/precious.png") is None
    assert not tree.has_file("labels/precious.png")
    assert list(tree.walk("labels")) == []
    assert not tree.remove("labels/precious.png")
    with pytest.raises(ImageError):
        tree.read("labels/precious.png")
    with pytest.raises(TargetError, match="is a file or a link, not a folder"):
        write_group(tree, [("labels/new.png", b"data")], None)
    assert outside(tree) == [("precious.png", b"kept")]


@pytest.mark.parametrize("name", ["../outside/x", "/etc/x", "a/../../x", "", "a\0b"])
def test_names_never_lead_out(tree: OutputTree, name: str) -> None:
    with pytest.raises(OutputError, match="not a name inside an output"):
        write_group(tree, [(name, b"data")], None)


def test_a_linked_a_hard_linked_and_a_piped_file_are_refused(tree: OutputTree) -> None:
    precious = tree.path.parent / "outside/precious.png"
    (tree.path / "link").symlink_to(precious)
    os.link(precious, tree.path / "second_name")
    make_fifo(tree.path / "pipe")
    for name in ("link", "second_name", "pipe"):
        with pytest.raises((OSError, OutputError)):
            tree.open_file(name, os.O_WRONLY | os.O_APPEND)
    with pytest.raises(OutputError, match="put a copy of it in its place"):  # or all is forgotten
        tree.open_file("second_name", os.O_WRONLY)
    assert tree.read("second_name") == b"kept"
    for name in ("link", "pipe"):
        with pytest.raises(ImageError):
            tree.read(name)


def test_a_tree_stays_where_it_was_opened(tree: OutputTree) -> None:
    moved = tree.path.with_name("moved")
    tree.path.rename(moved)
    tree.path.symlink_to(tree.path.parent / "outside")
    write_group(tree, [("x", b"data")])
    assert (moved / "x").read_bytes() == b"data"
    assert outside(tree) == [("precious.png", b"kept")]
    assert not tree.is_there()


def test_looking_at_what_is_not_there_makes_nothing(tree: OutputTree) -> None:
    before = sorted(tree.path.iterdir())
    name = "colors/summer/a.png"
    assert (tree.status(name), tree.checksum(name), tree.mark(name)) == (None, None, None)
    assert not tree.remove(name)
    assert tree.names_in("colors/summer") == list(tree.walk("colors")) == []
    with pytest.raises(ImageError, match="parse it again"):
        tree.read(name)
    with pytest.raises(FileNotFoundError):
        tree.open_file(name, os.O_RDWR | os.O_CREAT)
    assert sorted(tree.path.iterdir()) == before


def test_a_walk_gives_files_and_tells_of_links(tree: OutputTree) -> None:
    write_group(tree, [("colors/a.png", b"a"), ("colors/sub/b.png", b"b")])
    (tree.path / "colors/file.png").symlink_to(tree.path / "colors/a.png")
    (tree.path / "colors/folder").symlink_to(tree.path / "colors/sub")
    make_fifo(tree.path / "colors/pipe.png")
    links: list[ClosedPlace] = []
    assert sorted(tree.walk("colors", closed=links.append)) == ["colors/a.png", "colors/sub/b.png"]
    assert sorted(one.name for one in links) == ["colors/file.png", "colors/folder"]
    assert list(tree.walk("colors", below=False)) == ["colors/a.png"]


def test_a_file_goes_with_the_folders_that_it_leaves_empty_but_the_first(tree: OutputTree) -> None:
    write_group(tree, [("colors/a/b/c.png", b"c")])
    (tree.path / "colors/link.png").symlink_to(tree.path / "colors/a")
    assert tree.remove("colors/link.png")
    assert not tree.remove("colors/a")
    assert tree.remove("colors/a/b/c.png")
    tree.remove_empty_folders("colors/a/b/c.png")
    assert list((tree.path / "colors").iterdir()) == []
