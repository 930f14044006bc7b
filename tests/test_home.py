"""Folders of a user who may have no home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from m2fp_cli.home import expand_home, home_folder, private_folder, user_cache


@pytest.fixture
def nobody(monkeypatch):
    """A user without ``HOME`` and without an entry in the password database."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)


def test_without_a_home_there_is_no_cache(nobody):
    assert home_folder() is None
    assert user_cache() is None


@pytest.mark.parametrize("home", ["", "relative", "~"])
def test_a_home_that_is_not_absolute_is_none(nobody, monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    assert home_folder() is None


def test_a_tilde_without_a_home_stays_as_it_is(nobody):
    assert expand_home("~/palette.json") == Path("~/palette.json")


def test_the_cache_is_where_the_user_says(nobody, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert user_cache() == Path("/caches")
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    monkeypatch.setenv("HOME", "/home/me")
    assert user_cache() == Path("/home/me/.cache")


def test_a_private_folder_is_this_users_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private_folder("code")
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder("code") == folder


def test_a_folder_that_others_can_write_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private_folder("code")
    assert folder is not None
    folder.chmod(0o777)
    assert private_folder("code") is None


def test_a_link_is_not_a_private_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"m2fp-{os.getuid()}-code").symlink_to(tmp_path)
    assert private_folder("code") is None
