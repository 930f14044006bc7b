from __future__ import annotations

import errno
import os
import resource
import secrets
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.errors import ExitCode, OutputError
from m2fp_cli.imaging import atomic
from m2fp_cli.imaging.atomic import sweep_temporaries, write_atomic, write_group
from tests.support.hostile_folders import (
    AWKWARD_NAMES,
    make_fifo,
    make_self_symlink,
    without_rights,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> Iterator[None]:
    """Make one function of ``os`` fail in this module as a kernel would."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        yield


def test_content_arrives_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.bin"
    write_atomic(path, b"first")
    write_atomic(path, b"second", fsync=False)
    assert path.read_bytes() == b"second"
    assert names_in(tmp_path) == ["c.bin"]


def test_files_get_the_rights_that_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_longest_and_strangest_names_are_written(tmp_path: Path) -> None:
    paths = [tmp_path / os.fsdecode(name) for name in AWKWARD_NAMES]
    write_group([(path, os.fsencode(path.name)) for path in paths])
    assert [path.read_bytes() for path in paths] == list(AWKWARD_NAMES)


def test_nothing_of_a_group_appears_before_all_of_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append([name for name in names_in(tmp_path) if not name.startswith(".m2fp-")])
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_group([(tmp_path / "map.png", b"1"), (tmp_path / "sub" / "last.json", b"2")])
    assert seen == [[], ["map.png"]]


def test_temporaries_have_short_names_beside_their_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Path] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        used.append(self)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_atomic(tmp_path / "sub" / ("n" * 255), b"")
    assert used[0].parent == tmp_path / "sub"
    assert len(used[0].name) == len(".m2fp-01234567.tmp")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with failing(monkeypatch, "fsync", number), pytest.raises(OutputError, match="cannot write"):
        write_group([(tmp_path / "x", b"new"), (tmp_path / "y", b"new")])
    assert names_in(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_truly_full_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / ".m2fp-00000000.tmp"
    temporary.touch()
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(atomic, "_create_temporary", lambda _: (temporary, full))
    with pytest.raises(OutputError, match="disk is full; make room") as caught:
        write_atomic(tmp_path / "x", b"data")
    assert caught.value.exit_code == ExitCode.CANNOT_WRITE
    assert names_in(tmp_path) == []


def test_a_write_the_kernel_cuts_short(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "x").write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write_group([(tmp_path / "x", bytes(1000)), (tmp_path / "y", bytes(200_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_an_interrupt_leaves_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "x", b"data")
    assert names_in(tmp_path) == []


def test_a_folder_that_may_not_be_written() -> None:
    with without_rights() as folder:
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0o555)
        for path in (folder / "locked" / "x", folder / "locked" / "sub" / "x"):
            with pytest.raises(OutputError, match=r"no permission .* another folder with -o"):
                write_atomic(path, b"")


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "sub" / "x"):
        with pytest.raises(OutputError, match="is a file, not a folder"):
            write_atomic(path, b"")


def test_a_folder_in_the_way_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OutputError, match="a folder has this name"):
        write_atomic(tmp_path / "x.png", b"")
    assert names_in(tmp_path) == []


def test_devices_and_pipes_are_never_replaced(tmp_path: Path) -> None:
    fifo = make_fifo(tmp_path / "x.png")
    for path in (fifo, Path("/dev/full")):
        with pytest.raises(OutputError, match="device or pipe"):
            write_atomic(path, b"")
        assert not stat.S_ISREG(path.stat().st_mode)
    with pytest.raises(OutputError, match="not a folder"):
        write_atomic(Path("/dev/full/labels/x.png"), b"")


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("precious")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "precious").read_bytes() == b"kept"
    assert not (tmp_path / "link").is_symlink()


def test_messages_are_one_printable_line(tmp_path: Path) -> None:
    (tmp_path / "x\ny\udcff").mkdir()
    with pytest.raises(OutputError) as caught:
        write_atomic(tmp_path / "x\ny\udcff", b"")
    assert str(caught.value).isprintable()


def test_a_killed_writer_leaves_only_what_the_sweep_removes(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from m2fp_cli.imaging.atomic import write_atomic;"
        "os.fsync = lambda _: os.kill(os.getpid(), 9);"
        "write_atomic(Path(sys.argv[1], 'sub', 'x'), b'data')"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert len(names_in(tmp_path)) == 1
    assert sweep_temporaries(tmp_path) == 1
    assert names_in(tmp_path) == []


def test_the_sweep_takes_nothing_else(tmp_path: Path) -> None:
    kept = [".m2fp-1234567.tmp", ".m2fp-12345678.tmp.png", "m2fp-12345678.tmp", "x.png"]
    for name in [*kept, ".m2fp-12345678.tmp"]:
        (tmp_path / name).touch()
    (tmp_path / ".m2fp-aaaaaaaa.tmp").mkdir()
    make_self_symlink(tmp_path)
    assert sweep_temporaries(tmp_path) == 1
    assert names_in(tmp_path) == sorted(kept)


def test_the_sweep_spares_the_young_when_asked(tmp_path: Path) -> None:
    old, young = tmp_path / ".m2fp-00000001.tmp", tmp_path / ".m2fp-00000002.tmp"
    old.touch()
    young.touch()
    os.utime(old, (0, time.time() - 4000))
    assert sweep_temporaries(tmp_path, older_than_seconds=3600) == 1
    assert names_in(tmp_path) == [young.name]


def test_the_sweep_of_nothing_is_nothing(tmp_path: Path) -> None:
    assert sweep_temporaries(tmp_path / "missing") == 0


def test_an_occupied_temporary_name_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter(["00000000", "00000000", "00000001"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(draws))
    (tmp_path / ".m2fp-00000000.tmp").write_bytes(b"of another run")
    write_atomic(tmp_path / "x", b"data")
    assert (tmp_path / "x").read_bytes() == b"data"
    assert (tmp_path / ".m2fp-00000000.tmp").read_bytes() == b"of another run"
