from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.errors import UsageError
from m2fp_cli.home import user_data


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without a profile, in a folder with a picture of try-on."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("M2FP_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    items = [{"kind": "hat", "name": "cap", "placed": True}]
    (tmp_path / "anna.json").write_text(json.dumps({"people": [{"items": items}]}))
    return tmp_path


def looks(*words):
    outcome = CliRunner().invoke(app, ["looks", *words])
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.output


def test_a_customer_tries_keeps_and_is_forgotten(home):
    assert looks("add", "Anna", "anna.png") == "Anna: 1 look\n"
    assert user_data() == home / "data"
    assert (home / "data/m2fp/profile.sqlite").is_file()
    looks("favorite", "1")
    (line,) = looks("list").splitlines()
    assert line.split()[:2] == ["1", "*"]
    assert line.endswith(f"Anna  hat cap  {home}/anna.png")
    assert looks("remove", "--customer", "Anna") == "1 look forgotten\n"
    assert looks("list") == (
        "nobody has tried on anything; `m2fp looks add` notes what somebody tried on\n"
    )


def test_the_list_is_there_as_json(home):
    looks("add", "Anna", "anna.png", "--favorite", "--profile", "other.sqlite")
    (row,) = json.loads(looks("list", "--favorites", "--json", "--profile", "other.sqlite"))
    assert row["items"] == [{"kind": "hat", "name": "cap"}]
    assert (row["number"], row["customer"], row["favorite"]) == (1, "Anna", True)
    assert not (home / "data").exists()


def test_a_look_takes_one_line_whatever_it_is_called(home):
    items = [{"kind": "hat", "name": "a\nb\x1b[31m", "placed": True}]
    (home / "anna.json").write_text(json.dumps({"people": [{"items": items}]}))
    looks("add", "Anna", "anna.png")
    (line,) = looks("list").splitlines()
    assert "hat a\\nb\\x1b[31m" in line


def test_a_customer_of_whom_nothing_is_known_is_told_of(home):
    looks("add", "Anna", "anna.png")
    said = "Ana has tried on nothing; `m2fp looks list` has all\n"
    assert looks("list", "Ana") == said
    assert looks("list", "Anna", "--favorites").startswith("Anna has kept nothing;")
    assert looks("list", "--favorites").startswith("nobody has kept anything; `m2fp looks favor")
    assert looks("list", "Ana", "--json") == "[]\n"


@pytest.mark.parametrize("words", [["remove"], ["remove", "1", "--customer", "Anna"]])
def test_what_is_forgotten_must_be_said(words):
    with pytest.raises(UsageError, match="either numbers, or --customer NAME"):
        looks(*words)


def test_no_home_no_profile(monkeypatch):
    monkeypatch.setattr("m2fp_cli.tryon.profile.user_data", lambda: None)
    with pytest.raises(UsageError, match="say with --profile"):
        looks("list")
