from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from m2fp_cli.errors import ExitCode, OutputError
from m2fp_cli.storage import temporaries, writing
from m2fp_cli.storage.edits import OwnFiles
from m2fp_cli.storage.errors import ConflictError, TargetError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_file, write_group, write_stream
from tests.support.hostile_folders import (
    AWKWARD_NAMES,
    make_fifo,
    without_rights,
)
from tests.support.outputs import names_in


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> Iterator[None]:
    """Make one function of ``os`` fail in this module as a kernel would."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        yield


def write(tree: OutputTree, name: str, data: bytes = b"data") -> None:
    """Write one file that may replace its former self."""
    write_group(tree, [(name, data)], (name,))


def test_content_arrives_and_folders_are_made(tree: OutputTree) -> None:
    write_group(tree, [("a/b/c.bin", b"first")])
    write_group(tree, [("a/b/c.bin", b"second")], ("a/b/c.bin",), fsync=False)
    assert (tree.path / "a/b/c.bin").read_bytes() == b"second"
    assert names_in(tree.path) == ["c.bin"]


def test_each_file_of_a_group_goes_to_its_own_folder(tree: OutputTree) -> None:
    files = [("labels/a.png", b"1"), ("people/a.png", b"2"), ("labels/b/a.png", b"3"), ("a", b"4")]
    write_group(tree, files)
    assert {name: (tree.path / name).read_bytes() for name, _ in files} == dict(files)


def test_what_somebody_changed_stays_and_so_does_the_rest_of_its_group(tree: OutputTree) -> None:
    written = write_group(tree, [("a.png", b"old"), ("a.json", b"old")])
    own = OwnFiles((one.name, one.checksum) for one in written)
    anew = [("a.json", b"new"), ("a.png", b"new")]
    (tree.path / "a.png").write_bytes(b"corrected")
    with pytest.raises(ConflictError, match=r"a\.png"):
        write_group(tree, anew, own)
    assert (tree.path / "a.json").read_bytes() == b"old"
    assert names_in(tree.path) == ["a.json", "a.png"]
    (tree.path / "a.png").write_bytes(b"old")
    write_group(tree, anew, own)
    assert (tree.path / "a.png").read_bytes() == b"new"


def test_a_state_file_that_is_a_link_is_not_written(tree: OutputTree, tmp_path: Path) -> None:
    (tree.path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="state"):
        write_stream(tree, "state", [b"new"])
    assert (tree.path / "state").is_symlink()


@pytest.mark.parametrize("call", ["renameat2", "link", "neither"])
def test_a_file_of_others_is_never_replaced(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Not even one that appears after the check, on file systems of every kind."""
    if call != "renameat2":
        monkeypatch.setattr(temporaries, "_renameat2", lambda *_: errno.EINVAL)
    with contextlib.ExitStack() as stack:
        if call == "neither":
            stack.enter_context(failing(monkeypatch, "link", errno.EPERM))
        write_group(tree, [("labels/mine.png", b"mine")])
        theirs = tree.path / "labels/theirs.png"
        monkeypatch.setattr(writing, "refuse_foreign", lambda *_: theirs.write_bytes(b"theirs"))
        with pytest.raises(ConflictError, match=r"labels/theirs.png .* --overwrite"):
            write_group(tree, [("labels/theirs.png", b"mine")])
    assert (tree.path / "labels/mine.png").read_bytes() == b"mine"
    assert theirs.read_bytes() == b"theirs"
    assert names_in(tree.path) == ["mine.png", "theirs.png"]


def test_a_name_that_was_reserved_is_given_back_where_its_file_does_not_come(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporaries, "_renameat2", lambda *_: errno.EINVAL)
    with (
        failing(monkeypatch, "link", errno.EPERM),
        failing(monkeypatch, "replace", errno.EIO),
        pytest.raises(OutputError, match="cannot write mine"),
    ):
        write_group(tree, [("mine", b"mine")])
    assert names_in(tree.path) == []


def test_everything_is_replaced_only_when_that_is_said(tree: OutputTree) -> None:
    write(tree, "x")
    with pytest.raises(ConflictError):
        write_group(tree, [("x", b"new")])
    write_group(tree, [("x", b"new")], None)
    assert (tree.path / "x").read_bytes() == b"new"


def test_a_mark_is_found_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_file(path, b"-" * ((1 << 20) - 3) + b"by m2fp" + b"-" * 10, mark=b"by m2fp")
    write_file(path, b"<new by m2fp>", mark=b"by m2fp")
    assert path.read_bytes() == b"<new by m2fp>"


@pytest.mark.parametrize(("mark", "replaced"), [(b"by m2fp", True), (b"by others", False)])
def test_a_single_file_says_whose_it_is(tmp_path: Path, mark: bytes, replaced: bool) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<old by m2fp>")
    if replaced:
        write_file(path, b"<new by m2fp>", mark=mark)
    else:
        with pytest.raises(OutputError, match="m2fp did not write it"):
            write_file(path, b"<new by others>", mark=mark)
    assert path.read_bytes() == (b"<new by m2fp>" if replaced else b"<old by m2fp>")


def test_a_single_file_on_a_full_disk_is_named_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "write_temporary", fail)
    with pytest.raises(OutputError) as caught:
        write_file(tmp_path / "page.html", b"<new by m2fp>", mark=b"by m2fp")
    said = f"cannot write {tmp_path}/page.html: the disk is full; make room and run again"
    assert str(caught.value) == said


@pytest.mark.parametrize(("names", "named"), [(["a"], "/a"), (["a", "b"], "")])
def test_files_of_no_photo_on_a_full_disk_speak_of_none(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch, names: list[str], named: str
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "write_temporary", fail)
    with pytest.raises(OutputError) as caught:
        writing.write_alone(tree, [(name, b"") for name in names])
    said = f"cannot write {tree.path}{named}: the disk is full; make room and run again"
    assert str(caught.value) == said


def test_a_file_that_cannot_be_looked_at_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, mode: str) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "page.html").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"page\.html: no permission to write there"):
        write_file(tmp_path / "page.html", b"<new by m2fp>", mark=b"by m2fp")


def test_files_get_the_rights_that_the_umask_allows(tree: OutputTree) -> None:
    before = os.umask(0o027)
    try:
        write(tree, "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tree.path / "x").stat().st_mode) == 0o640


def test_longest_and_strangest_names_are_written(tree: OutputTree) -> None:
    names = [os.fsdecode(name) for name in AWKWARD_NAMES]
    write_group(tree, [(name, os.fsencode(name)) for name in names])
    assert [(tree.path / name).read_bytes() for name in names] == list(AWKWARD_NAMES)


def test_nothing_of_a_group_appears_before_all_of_it_is_written(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, used = [], []
    rename = temporaries.rename_without_replacing

    def watched(folder: int, temporary: str, name: str, shown: str) -> None:
        used.append(temporary)
        seen.append([name for name in names_in(tree.path) if not name.startswith(".m2fp-")])
        rename(folder, temporary, name, shown)

    monkeypatch.setattr(writing, "rename_without_replacing", watched)
    write_group(tree, [("map.png", b"1"), ("sub/" + "n" * 255, b"2")])
    assert seen == [[], ["map.png"]]
    assert {len(name) for name in used} == {len(".m2fp-01234567.tmp")}


def test_a_group_that_fails_half_way_takes_its_new_names_back(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = temporaries.rename_without_replacing

    def overtaken(folder: int, temporary: str, name: str, shown: str) -> None:
        if name == "b":
            (tree.path / "b").write_bytes(b"another's")
        rename(folder, temporary, name, shown)

    monkeypatch.setattr(writing, "rename_without_replacing", overtaken)
    with pytest.raises(ConflictError):
        write_group(tree, [("a", b"1"), ("b", b"2"), ("c", b"3")])
    assert names_in(tree.path) == ["b"]
    assert (tree.path / "b").read_bytes() == b"another's"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write(tree, "x", b"old")
    with failing(monkeypatch, "fsync", number), pytest.raises(OutputError, match="cannot write"):
        write_group(tree, [("x", b"new"), ("y", b"new")], ("x",))
    assert names_in(tree.path) == ["x"]
    assert (tree.path / "x").read_bytes() == b"old"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.EACCES])
def test_a_name_that_the_system_refuses_is_one_photos_trouble(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with failing(monkeypatch, "open", number), pytest.raises(TargetError) as caught:
        write(tree, "labels/12:30.png")
    if number == errno.EINVAL:
        assert "does not take these characters in names: :; use --safe-names" in str(caught.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_full_disk_is_every_photos_trouble(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with failing(monkeypatch, "fsync", number), pytest.raises(OutputError) as caught:
        write(tree, "x")
    assert not isinstance(caught.value, TargetError)


def test_a_truly_full_device(tree: OutputTree, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = os.open

    def full(name: str, flags: int, *_: Any, **where: Any) -> int:
        is_new = str(name).endswith(".tmp")
        return open_file("/dev/full", os.O_WRONLY) if is_new else open_file(name, flags, **where)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OutputError, match="disk is full; make room") as caught:
        write(tree, "x", b"data")
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    assert names_in(tree.path) == []


def test_a_write_the_kernel_cuts_short(tree: OutputTree) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    write(tree, "x", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write_group(tree, [("x", bytes(1000)), ("y", bytes(200_000))], ("x",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tree.path) == ["x"]
    assert (tree.path / "x").read_bytes() == b"old"


def test_an_interrupt_leaves_no_temporary(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tree, "x", b"data")
    assert names_in(tree.path) == []


def test_a_folder_that_may_not_be_written() -> None:
    with without_rights() as folder:
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0o555)
        with OutputTree(folder) as tree:
            for name in ("locked/x", "locked/sub/x"):
                with pytest.raises(OutputError, match=r"no permission .* another folder with -o"):
                    write(tree, name)


def test_a_file_in_the_way_of_a_folder(tree: OutputTree) -> None:
    (tree.path / "file").touch()
    for name in ("file/x", "file/sub/x"):
        with pytest.raises(TargetError, match="is a file or a link, not a folder"):
            write(tree, name)


def test_a_folder_a_pipe_and_a_link_are_in_the_way_of_a_file(tree: OutputTree) -> None:
    (tree.path / "folder.png").mkdir()
    make_fifo(tree.path / "pipe.png")
    (tree.path / "precious").write_bytes(b"kept")
    (tree.path / "link.png").symlink_to("precious")
    for name in ("folder.png", "pipe.png", "link.png"):
        with pytest.raises(ConflictError):
            write(tree, name)
    assert (tree.path / "precious").read_bytes() == b"kept"
    write_group(tree, [("link.png", b"new")], None)
    assert (tree.path / "precious").read_bytes() == b"kept"
    assert not (tree.path / "link.png").is_symlink()


def test_messages_are_one_printable_line(tree: OutputTree) -> None:
    (tree.path / "x\ny\udcff").mkdir()
    with pytest.raises(OutputError) as caught:
        write(tree, "x\ny\udcff", b"")
    assert str(caught.value).isprintable()
