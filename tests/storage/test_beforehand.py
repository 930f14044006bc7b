"""What cannot be written is found out before the work, and looking makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.storage.beforehand import check_file, check_folder
from tests.support.hostile_folders import without_rights

MARK = b"made by m2fp"


def test_a_place_that_can_be_written_stays_as_it_is(tmp_path):
    check_folder(tmp_path / "new" / "inner")
    check_file(tmp_path / "new" / "page.html", MARK)
    assert list(tmp_path.iterdir()) == []


def test_an_own_file_may_be_replaced_and_that_of_others_not(tmp_path):
    (tmp_path / "page.html").write_bytes(b"<html> made by m2fp")
    check_file(tmp_path / "page.html", MARK)
    (tmp_path / "page.html").write_bytes(b"mine")
    with pytest.raises(OutputError, match="is there already and m2fp did not write it"):
        check_file(tmp_path / "page.html", MARK)


def test_a_folder_in_which_nothing_can_be_written_is_named():
    with without_rights() as folder:
        (folder / "locked").mkdir(mode=0o555)
        with pytest.raises(OutputError, match=r"/locked: no permission"):
            check_folder(folder / "locked" / "new")


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    said = "file: a part of this path is a file or a link"
    with pytest.raises(OutputError, match=said):
        check_folder(tmp_path / "file" / "inner")
    with pytest.raises(OutputError, match=said):
        check_file(tmp_path / "file" / "page.html", MARK)


def test_a_name_that_no_file_can_have_is_named(tmp_path):
    long = "a" * 300
    for path in (tmp_path / f"{long}.html", tmp_path / long / "page.html"):
        with pytest.raises(OutputError, match=r"a.*: the path is too long"):
            check_file(path, MARK)
    with pytest.raises(OutputError, match="aaa: the path is too long"):
        check_folder(tmp_path / long)


def test_an_address_is_no_folder_of_this_machine():
    with pytest.raises(UsageError, match=r"^s3://bucket/cache is in an object store"):
        check_file(Path("s3://bucket/cache/x.json"), MARK)
