"""Where compiled loops are kept when the installation cannot be written."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from m2fp_cli.kernels import code_cache
from m2fp_cli.kernels.code_cache import choose_code_cache, copy_shipped_code, outlive_cache
from m2fp_cli.kernels.compiled import compiled


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """An installation that cannot be written; what else can be is up to the test."""
    writable: set[Path] = set()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(code_cache, "is_writable", lambda path: path in writable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield writable
    os.environ.pop("NUMBA_CACHE_DIR", None)


def choose() -> bool:
    return choose_code_cache.__wrapped__()


def test_the_users_cache_comes_first(read_only, tmp_path):
    read_only.add(tmp_path / "cache" / "m2fp" / "numba")
    assert choose()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "cache" / "m2fp" / "numba")


def test_a_private_temporary_folder_comes_next(read_only, tmp_path):
    private = tmp_path / f"m2fp-{os.getuid()}-numba"
    read_only.add(private)
    assert choose()
    assert os.environ["NUMBA_CACHE_DIR"] == str(private)


def test_where_nothing_can_be_written_nothing_is_kept(read_only):
    assert not choose()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_what_the_user_names_stays(read_only, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/mine")
    read_only.add(Path("/mine"))
    assert choose()
    assert os.environ["NUMBA_CACHE_DIR"] == "/mine"


def test_shipped_code_is_copied_unless_the_kept_is_newer(tmp_path):
    shipped, kept = tmp_path / "shipped", tmp_path / "kept"
    for folder in (shipped, kept):
        folder.mkdir()
        (folder / "new.nbi").write_text(folder.name)
        (folder / "old.nbc").write_text(folder.name)
    os.utime(kept / "old.nbc", (1, 1))
    os.utime(shipped / "new.nbi", (1, 1))
    copy_shipped_code(shipped, kept)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {
        "new.nbi": "kept",
        "old.nbc": "shipped",
    }


def test_other_users_of_a_cache_can_read_what_was_copied_there(tmp_path):
    shipped, kept = tmp_path / "shipped.nbc", tmp_path / "kept.nbc"
    shipped.touch()
    shipped.chmod(0o644)
    code_cache._copy(shipped, kept)
    assert kept.stat().st_mode == shipped.stat().st_mode


def test_a_copy_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        code_cache._copy(tmp_path / "missing.nbc", tmp_path / "kept.nbc")
    assert not list(tmp_path.iterdir())


def test_code_for_other_types_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kept = compiled(_double)
    assert (kept(1), kept(1.5)) == (2, 3.0)
    one, two = sorted(tmp_path.rglob("*.nbc"))
    one.write_bytes(two.read_bytes())  # as a process that was killed may leave it
    again = compiled(_double)
    assert (again(1), again(1.5)) == (2, 3.0)
    assert [sum(found.values()) for found in _hits(again)] == [1, 1]


@pytest.mark.parametrize("other", [("new", "zen3"), ("old", "skylake")], ids=["cpu", "sources"])
def test_code_of_another_machine_or_source_is_not_run(other):
    files: list[object] = []  # one name for all, as machines that start together may leave it
    kept = SimpleNamespace(load=lambda _: files[-1], save=lambda _, data: files.append(data))
    outlive_cache(kept)
    kept._source_stamp, cpu = other
    kept.save(("int64", cpu), "their code")
    kept._source_stamp = "new"
    assert kept.load(("int64", "skylake")) is None
    kept.save(("int64", "skylake"), "our code")
    assert kept.load(("int64", "skylake")) == "our code"


def _double(value):
    return value + value


def _hits(loop):
    """How often code was taken from the disk, and how often it was not."""
    return loop.stats.cache_hits, loop.stats.cache_misses
