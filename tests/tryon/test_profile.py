"""The profile: what customers tried and kept, and that nothing else gets or stays in the file."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import time

import pytest

from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.tryon import profile as profile_module
from m2fp_cli.tryon.profile import Profile
from m2fp_cli.tryon.tried import TriedLook


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "profile.sqlite"


def look(tmp_path, *names):
    return TriedLook(tuple(("hat", name) for name in names), tmp_path / f"{names[0]}.png")


def test_what_is_added_is_listed_by_customer(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Zoe", [look(tmp_path, "cap")])
        assert opened.add(" Anna ", [look(tmp_path, "cap", "b"), look(tmp_path, "fedora")]) == [
            2,
            3,
        ]
    with Profile(path) as opened:
        found = opened.looks()
        assert [(one.customer, one.number) for one in found] == [
            ("Anna", 2),
            ("Anna", 3),
            ("Zoe", 1),
        ]
        assert found[0].items == (("hat", "cap"), ("hat", "b"))
        assert found[0].picture == tmp_path / "cap.png"
        assert [one.number for one in opened.looks("Zoe")] == [1]


def test_the_same_look_again_is_no_other_look(path, tmp_path, monkeypatch):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "cap")])
        opened.mark([1], favorite=True)
        monkeypatch.setattr(time, "time", lambda: 4e9)
        assert opened.add("Anna", [look(tmp_path, "cap")]) == [1]
        (one,) = opened.looks()
        assert (one.tried, one.favorite) == (4_000_000_000, True)


def test_what_was_kept_is_marked_and_listed_alone(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, name) for name in ("a", "b", "c")])
        opened.mark([1, 3], favorite=True)
        opened.mark([3], favorite=False)
        assert [one.number for one in opened.looks(favorites=True)] == [1]


def test_a_number_that_is_not_there_changes_nothing(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "a")])
        with pytest.raises(UsageError, match="there is no look 9"):
            opened.remove([1, 9])
        assert len(opened.looks()) == 1


def test_who_is_forgotten_is_not_in_the_file_any_more(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Anna Blume", [look(tmp_path, f"hat{number}") for number in range(300)])
        opened.add("Zoe", [look(tmp_path, "cap")])
        assert b"Anna Blume" in path.read_bytes()
        assert opened.remove_customer("Anna Blume") == 300
        with pytest.raises(UsageError, match="there is no customer 'Anna Blume'"):
            opened.remove_customer("Anna Blume")
    assert b"Anna Blume" not in path.read_bytes()
    assert b"Zoe" in path.read_bytes()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_file_is_its_users_alone(path):
    Profile(path, create=True).__exit__(None, None, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_another_file_is_left_alone(path):
    path.parent.mkdir()
    for content in (b"no database" * 100, b"SQLite format 3\0" + bytes(84)):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="is not a profile of"):
            Profile(path, create=True)
        assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks(url TEXT)")
    other.close()
    with pytest.raises(UsageError, match="is not a profile of this m2fp"):
        Profile(path, create=True)


def test_an_empty_file_is_no_profile_to_read(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match="is not a profile of this m2fp"):
        Profile(tmp_path / "mine")
    assert (tmp_path / "mine").read_bytes() == b""


def test_a_profile_that_is_not_there_is_said_and_not_made(path):
    with pytest.raises(UsageError, match="there is no profile; `m2fp looks add` makes one"):
        Profile(path)
    assert not path.parent.exists()


def test_a_profile_that_another_program_holds_is_said(path, monkeypatch, tmp_path):
    monkeypatch.setattr(profile_module, "_LOCK_SECONDS", 0.0)
    with Profile(path, create=True) as opened:
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutputError, match="database is locked; try again"):
            opened.add("Anna", [look(tmp_path, "a")])
        other.close()


def test_who_reads_a_profile_does_not_wait_for_who_writes(path, monkeypatch, tmp_path):
    """So it needs no right to write either."""
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "a")])
    monkeypatch.setattr(profile_module, "_LOCK_SECONDS", 0.0)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Profile(path) as opened:
            assert [one.customer for one in opened.looks()] == ["Anna"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "a\udcff"])
def test_a_name_is_text(path, tmp_path, name):
    with Profile(path, create=True) as opened, pytest.raises(UsageError, match="name must be text"):
        opened.add(name, [look(tmp_path, "a")])


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
def test_a_number_that_no_look_can_have_is_said(path, tmp_path, number):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "cap")])
        with pytest.raises(UsageError, match=f"there is no look {number} in the profile"):
            opened.remove([1, number])
        assert len(opened.looks()) == 1


def test_a_folder_is_no_profile(tmp_path):
    with pytest.raises(UsageError, match="is not a file; name the profile's with --profile"):
        Profile(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    ["items='['", "items='[3]'", "customer=x'00'", "picture='a'", "tried='now'", "tried=9e300"],
)
def test_a_row_that_m2fp_did_not_write_is_said(path, tmp_path, wrong):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "cap")])
    with contextlib.closing(sqlite3.connect(path)) as base, base:
        base.execute(f"UPDATE looks SET {wrong}")
    with Profile(path) as opened, pytest.raises(UsageError, match="is not a profile of m2fp"):
        opened.looks()


def test_a_full_disk_is_said_and_keeps_what_was_there(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "cap")])
        opened._base.execute("PRAGMA max_page_count=1")  # where SQLite says a disk is full
        with pytest.raises(OutputError, match="disk is full; make room and run again"):
            opened.add("Anna", [look(tmp_path, f"cap {number}") for number in range(300)])
        assert [one.picture.stem for one in opened.looks()] == ["cap"]


def test_a_profile_that_may_not_be_written_is_called_so(path, tmp_path):
    with Profile(path, create=True) as opened:
        opened.add("Anna", [look(tmp_path, "cap")])
        opened._base.execute("PRAGMA query_only=ON")
        with pytest.raises(OutputError, match="readonly database; make it writable, or name"):
            opened.remove([1])


def test_a_profile_with_another_table_is_no_profile(path):
    Profile(path, create=True).__exit__(None, None, None)
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("ALTER TABLE looks RENAME COLUMN tried TO day")
    with Profile(path) as opened, pytest.raises(UsageError, match="not a profile of m2fp"):
        opened.looks()
