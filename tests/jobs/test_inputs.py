"""Which photos a command means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from m2fp_cli.batch import scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.batch.written import written_files
from m2fp_cli.cli import app
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.jobs import inputs as jobs_inputs
from m2fp_cli.jobs.inputs import PhotoInputs
from tests.support.parsed_tree import make_tree


def inputs(*paths, label_set=None):
    return PhotoInputs(paths, None, None, ScanRules(), label_set)


@pytest.mark.parametrize("named", ["labels", "people/sub", "labels/a.png", "results"])
def test_maps_of_an_earlier_parse_are_not_taken_for_photos(tmp_path, named):
    _, output = make_tree(tmp_path)
    with pytest.raises(UsageError) as caught:
        inputs(output / named).scan(tmp_path / "made")
    assert str(caught.value) == (
        f"{output / named} holds what m2fp parse found, no photos; name the photos, or {output} to "
        "go on from what was parsed"
    )


@pytest.mark.parametrize("line", ["colorize", "tryon --hat cap", "parse --model starter"])
def test_no_command_parses_them(tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    make_tree(tmp_path)
    answer = CliRunner().invoke(app, [*line.split(), "m2fp-out/labels", "-o", "made"])
    assert "holds what m2fp parse found" in str(answer.exception)
    assert not (tmp_path / "made").exists()


def test_they_are_taken_as_what_they_are(tmp_path):
    _, output = make_tree(tmp_path)
    found = inputs(output / "labels", label_set="cihp").scan(tmp_path / "made")
    assert [task.key for task in found.tasks] == ["a"]


def test_photos_beside_them_are_photos(tmp_path):
    photos, output = make_tree(tmp_path)
    own = output / "people" / "anna.png"
    shutil.copy(photos / "a.png", own)
    assert [task.key for task in inputs(own).scan(tmp_path / "made").tasks] == ["anna"]


def test_a_link_that_leads_back_to_itself_is_left_to_the_scan(tmp_path):
    loop = tmp_path / "labels"
    loop.symlink_to(loop)
    with pytest.raises(NoImagesError, match="labels is a link that leads back to itself"):
        inputs(loop).scan(tmp_path / "made")


def test_a_link_to_maps_leads_to_no_photos(tmp_path):
    _, output = make_tree(tmp_path)
    (tmp_path / "mine").symlink_to(output / "labels")
    with pytest.raises(UsageError, match="mine holds what m2fp parse found"):
        inputs(tmp_path / "mine").scan(tmp_path / "made")


@pytest.mark.parametrize("place", ["people", "people/sub"])
def test_a_folder_of_photos_may_have_the_name_of_one_of_maps(tmp_path, place):
    photos, output = make_tree(tmp_path)
    shutil.copy(photos / "a.png", output / place / "anna.png")
    rules = ScanRules(recursive=True)
    found = PhotoInputs((output / place,), None, None, rules).scan(tmp_path / "made")
    assert "anna" in {task.key for task in found.tasks}


def test_a_folder_below_which_nobody_looks_may_hold_photos(tmp_path):
    photos, output = make_tree(tmp_path)
    shutil.copy(photos / "a.png", output / "people/sub/anna.png")
    with pytest.raises(UsageError, match="holds what m2fp parse found"):
        inputs(output / "people").scan(tmp_path / "made")


def test_what_an_output_holds_is_read_once_for_all_photos_in_it(tmp_path, monkeypatch):
    photos, output = make_tree(tmp_path)
    own = [shutil.copy(photos / "a.png", output / "people" / name) for name in ("1.png", "2.png")]
    read: list[Path] = []

    def noted(place):
        read.append(place)
        return written_files(place)

    for module in (scan, jobs_inputs):
        monkeypatch.setattr(module, "written_files", noted)
    inputs(*own).scan(tmp_path / "made")
    assert read == [output]
    shutil.copytree(photos, output / "photos")
    inputs(output / "photos/a.png", output / "photos/sub/b.png").scan(output)
    assert read == [output, output]
