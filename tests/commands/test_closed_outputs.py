"""An output of which a part may not be read: one line without advice that does not fit."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest
from typer.testing import CliRunner

from m2fp_cli.batch.lock import hold_output
from m2fp_cli.cli import app
from m2fp_cli.errors import NoInputError, OutputError
from m2fp_cli.storage.tree import OutputTree
from tests.support.hostile_folders import make_fifo
from tests.support.parsed_tree import make_tree

READERS = (
    "status",
    "status --prune",
    "report",
    "describe",
    "masks",
    "export --to coco",
    "colorize",
    "tryon --hat cap",
)


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_tree(tmp_path, ("a", "closed/b"))[1]


@pytest.fixture
def close(monkeypatch):
    """Refuse to open files and folders of some names, as the system does without the right."""
    names: set[str] = set()
    really_open = os.open

    def opened(path, flags, *rest, **more):
        if path in names:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return really_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    return names.add


def run(line):
    return CliRunner().invoke(app, line.split())


@pytest.mark.parametrize("line", READERS)
def test_a_manifest_that_may_not_be_read_is_no_missing_output(output, close, line):
    manifest = output / ".m2fp" / "manifest.jsonl"
    close("manifest.jsonl")
    error = run(f"{line} {output}").exception
    assert isinstance(error, NoInputError)
    said = f"{manifest} cannot be read (Permission denied); check its permissions"
    assert str(error) == said


def test_neither_is_a_closed_folder_of_manifests_nothing_done(output, close):
    close(".m2fp")
    for line in ("status", "report"):
        error = run(f"{line} {output}").exception
        assert isinstance(error, NoInputError)
        assert f"{output}/.m2fp cannot be read (Permission denied)" in str(error)


@pytest.mark.parametrize("make", [make_fifo, os.mkdir, lambda path: path.symlink_to("x")])
def test_what_is_no_manifest_is_said_to_be_removed(output, make):
    manifest = output / ".m2fp" / "manifest.jsonl"
    manifest.unlink()
    make(manifest)
    error = run(f"status {output}").exception
    assert isinstance(error, NoInputError)
    assert str(manifest) in str(error)
    assert "remove it" in str(error)
    assert " -o" not in str(error)


def test_a_run_that_cannot_read_what_was_done_writes_nothing(output, close):
    manifest = output / ".m2fp" / "manifest.jsonl"
    close("manifest.jsonl")
    before = sorted(output.rglob("*"))
    error = run(f"parse photos -o {output} --model starter").exception
    assert isinstance(error, OutputError)
    assert str(error).startswith(f"{manifest} cannot be read (Permission denied)")
    assert sorted(output.rglob("*")) in (before, sorted([*before, output / ".m2fp" / "lock"]))


def test_pictures_of_an_output_with_a_closed_manifest_are_no_photos(output, close):
    close("manifest.jsonl")
    answer = run("scan -r .")
    assert answer.exit_code == 3
    found = [json.loads(line)["photo"] for line in answer.stdout.splitlines()]
    assert sorted(found) == [f"{output.parent}/photos/{name}.png" for name in ("a", "closed/b")]
    assert f"{output}: is left out, an output whose photos and results" in answer.stderr


def test_a_folder_in_use_is_told_of_without_an_option_that_is_not_there(output):
    with OutputTree(output) as tree, hold_output(tree):
        for line in ("status --prune", "report"):
            error = run(f"{line} {output}").exception
            assert str(error).endswith("; wait for it, or name another folder")


@pytest.mark.parametrize("line", ["describe", "report", "colorize", "export --to coco"])
def test_a_closed_folder_of_results_is_a_failure_and_the_rest_is_done(output, close, line):
    close("closed")
    answer = run(f"{line} {output} --workers 1 --json")
    assert answer.exit_code == 3
    assert f"{output}/results/closed" in answer.stderr
    assert "permission denied; check its permissions; its results are left out" in answer.stderr
    document = json.loads(answer.stdout)
    document = document.get("previews", document)
    assert [one["key"] for one in document["photos"]] == ["", "a"]


def test_the_page_shows_closed_folders(output, close):
    close("closed")
    run(f"report {output} --workers 1")
    assert "its results are left out" in (output / "report.html").read_text()


@pytest.mark.parametrize("line", ["describe", "report", "colorize"])
def test_links_among_the_results_are_told_of(output, line):
    moved = output.parent / "moved"
    (output / "results" / "closed").rename(moved)
    (output / "results" / "closed").symlink_to(moved)
    answer = run(f"{line} {output} --workers 1")
    assert answer.exit_code == 3
    said = "results/closed: is a link, and links in an output are not followed; its results are"
    assert said in answer.stderr


@pytest.mark.parametrize("line", ["describe", "report", "colorize"])
def test_results_behind_a_link_are_not_missing(output, line):
    (output / "results").rename(output / "moved")
    (output / "results").symlink_to("moved")
    error = run(f"{line} {output}").exception
    assert isinstance(error, NoInputError)
    assert f"{output}/results is a link, and links in an output are not followed" in str(error)


def test_a_page_of_nothing_is_not_made(output):
    shutil.rmtree(output / "results")
    error = run(f"report {output}").exception
    assert isinstance(error, NoInputError)
    assert "there are no results in" in str(error)
    assert not (output / "report.html").exists()
