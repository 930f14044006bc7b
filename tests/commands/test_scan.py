from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from m2fp_cli.errors import ExitCode
from tests.support.fork_servers import fresh_fork_server
from tests.support.picture_bytes import encoded, photo_rgb
from tests.support.scripted import tree_of
from tests.support.tiny_model import CommandLine


@pytest.fixture(scope="module", autouse=True)
def fork_server_with_torch():
    with fresh_fork_server():
        yield


@pytest.fixture
def m2fp(tiny_model, monkeypatch, capfd):
    return CommandLine(tiny_model, monkeypatch, capfd)


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "a.png", "sub/b.jpg")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(photo_rgb(60, 80, number), "JPEG"))
    return folder


def test_a_photo_a_line_with_the_key_of_its_results(photos, m2fp):
    answer = m2fp("scan", photos, "-r", "--prefix", "new")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["key"] for line in lines] == ["new/a", "new/a.png", "new/sub/b"]
    assert [line["photo"] for line in lines] == [
        f"{photos}/{name}" for name in ("a.jpg", "a.png", "sub/b.jpg")
    ]
    assert lines[0]["size"] == (photos / "a.jpg").stat().st_size
    assert lines[0]["mtime_ns"] == (photos / "a.jpg").stat().st_mtime_ns
    assert (answer.code, "a is taken" in answer.err) == (ExitCode.OK, True)
    assert m2fp("scan", photos, "-q").err == ""


@pytest.mark.slow
def test_a_list_gives_the_same_results_as_its_folder(photos, tmp_path, m2fp, monkeypatch):
    lines = m2fp("scan", photos, "-r").out
    (tmp_path / "photos.jsonl").write_text(lines)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper((tmp_path / "photos.jsonl").open("rb")))
    assert m2fp("parse", "--files-from", "-", "-o", tmp_path / "one").code == ExitCode.OK
    assert m2fp("parse", photos, "-r", "-o", tmp_path / "two").code == ExitCode.OK
    assert tree_of(tmp_path / "one") == tree_of(tmp_path / "two")
    again = m2fp("parse", photos, "-r", "-o", tmp_path / "one")
    assert "3 photos: 3 up to date" in again.err


@pytest.mark.slow
def test_slices_of_colorize_parse_and_paint_their_own_photos(photos, tmp_path, m2fp):
    (tmp_path / "photos.jsonl").write_text(m2fp("scan", photos, "-r").out)
    out = tmp_path / "out"
    for number in (1, 2):
        given = ("--files-from", tmp_path / "photos.jsonl", "--shard", f"{number}/2")
        assert m2fp("colorize", *given, "-o", out).code == ExitCode.OK
        assert len(list((out / "colors").rglob("*.png"))) == (3 if number == 2 else 2)
    said = m2fp("status", out)
    assert said.out.count("  2 of 2 slices finished\n") == 2
    found = json.loads(m2fp("status", out, "--json").out)["jobs"]["colorize"]["slices"]
    assert [(one["count"], one["finished"], one["not_begun"]) for one in found] == [(2, 2, [])]


def test_what_cannot_be_listed_is_said_and_the_rest_is_listed(photos, m2fp):
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    answer = m2fp("scan", photos, photos.parent / "missing", "-r")
    assert len(answer.out.splitlines()) == 3
    assert answer.code == ExitCode.SOME_FAILED
    assert f"{photos}/gone.jpg: " in answer.err
    assert f"{photos.parent}/missing: is not there" in answer.err


def test_photos_are_named_in_one_way(photos, tmp_path, m2fp):
    (tmp_path / "list").write_text(f"{photos}/a.jpg\n")
    both = m2fp("parse", photos, "--files-from", tmp_path / "list")
    assert (both.code, "leave out the other inputs" in both.err) == (ExitCode.USAGE, True)
    none = m2fp("parse", "-o", tmp_path / "out")
    assert (none.code, "or a list with --files-from" in none.err) == (ExitCode.USAGE, True)


def test_a_tilde_that_the_shell_left_alone_is_the_home_folder(photos, m2fp, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(photos))
    monkeypatch.chdir(tmp_path)
    assert json.loads(m2fp("scan", "~/sub").out)["photo"] == str(photos / "sub" / "b.jpg")
    assert f"cannot read the list {photos}/none:" in m2fp("parse", "--files-from=~/none").err
    (tmp_path / "~").mkdir()
    assert "cannot read the list ~/none:" in m2fp("parse", "--files-from=~/none").err
