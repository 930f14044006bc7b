"""What a command was told to read and is not there: one line, exit code 66, nothing written."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.errors import ExitCode, NoInputError
from tests.support.hostile_folders import without_rights
from tests.support.object_store import BUCKET
from tests.support.parsed_tree import make_tree

COMMANDS = (
    "scan nothere",
    "parse nothere",
    "parse --files-from nothere",
    "colorize nothere",
    "colorize nothere --label-set lip",
    "colorize --files-from nothere",
    "tryon nothere --hat cap",
    "tryon --files-from nothere --hat cap",
    "masks nothere",
    "export nothere --to coco",
    "describe nothere",
    "report nothere",
    "status nothere",
    "eval nothere",
    "finetune nothere -o made",
    "bench nothere",
    "models calibrate nothere --model starter",
    "bench compare nothere nothere",
    "accessories check nothere.png --kind hat",
    "looks add Anna nothere.png --profile profile.sqlite",
)
ABOUT_PHOTOS = (
    "colorize m2fp-out --photos nothere -o made",
    "tryon m2fp-out --photos nothere -o made --hat cap",
    "describe m2fp-out --photos nothere -o made",
    "report m2fp-out --photos nothere -o page.html",
    "eval data --ids nothere --model starter",
    "colorize maps --label-set lip --photos nothere -o made",
)
OF_ANOTHER_KIND = (
    "report file",
    "status file",
    "eval file",
    "bench file",
    "models calibrate file --model starter",
    "accessories check folder --kind hat",
    "parse --files-from folder",
)


def run(line):
    return CliRunner().invoke(app, line.split()).exception


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_not_there_ends_with_66(here, line):
    error = run(line)
    assert isinstance(error, NoInputError)
    assert error.exit_code is ExitCode.NO_INPUT
    assert "nothere" in str(error)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("line", ABOUT_PHOTOS)
def test_folders_and_lists_that_options_name_are_inputs_too(here, line):
    make_tree(here)
    for folder in ("data/photos", "data/labels", "maps"):
        (here / folder).mkdir(parents=True)
    for name in ("data/photos/a.jpg", "data/labels/a.png", "maps/a.png"):
        (here / name).touch()
    error = run(line)
    assert isinstance(error, NoInputError)
    assert "nothere" in str(error)
    assert not (here / "made").exists()


@pytest.mark.parametrize("line", OF_ANOTHER_KIND)
def test_a_file_is_no_folder_and_a_folder_no_file(here, line):
    (here / "file").touch()
    (here / "folder").mkdir()
    assert isinstance(run(line), NoInputError)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["report", "status", "tryon --hat cap", "parse --files-from"])
def test_a_store_has_nothing_there(store_server, here, line):
    assert isinstance(run(f"{line} s3://{BUCKET}/nothere"), NoInputError)


CLOSED = (
    "parse closed",
    "report closed",
    "status closed",
    "describe closed",
    "eval closed",
    "finetune closed -o made",
    "bench closed",
    "models calibrate closed --model starter",
    "parse --files-from secret",
    "accessories check secret --kind hat",
    "describe m2fp-out --photos closed",
    "looks add Anna closed/a.png --profile profile.sqlite",
)


# Where names can be listed and no more, photos fail one by one.
@pytest.mark.parametrize(
    ("line", "rights"),
    [
        *((line, 0) for line in CLOSED),
        *((line, 0o444) for line in CLOSED if "e closed" not in line),
    ],
)
def test_what_may_not_be_read_is_no_wrong_usage(monkeypatch, line, rights):
    with without_rights() as here:
        monkeypatch.chdir(here)
        make_tree(here)
        (here / "closed").mkdir()
        (here / "closed" / "a.png").touch()
        (here / "secret").touch()
        (here / "closed").chmod(rights)
        (here / "secret").chmod(0)
        error = run(line)
        assert isinstance(error, NoInputError)
        assert "cannot be read" in str(error) or "cannot read" in str(error)


@pytest.mark.parametrize("command", ["report", "describe", "tryon --hat cap"])
def test_results_that_may_not_be_read_are_not_said_to_be_missing(monkeypatch, command):
    with without_rights() as here:
        monkeypatch.chdir(here)
        _, output = make_tree(here)
        (output / "results").chmod(0)
        error = run(f"{command} {output}")
        assert isinstance(error, NoInputError)
        assert "results cannot be read (Permission denied); check its permissions" in str(error)


@pytest.mark.parametrize("command", ["status", "report"])
def test_the_default_output_is_not_named_as_the_way_out_of_its_own_absence(command, here):
    said = str(run(command))
    assert said.endswith("m2fp-out is not there; name the folder that a run wrote to")
    assert not here.joinpath("m2fp-out").exists()


@pytest.mark.parametrize("command", ["status", "report"])
def test_the_output_around_a_folder_of_results_is_named(command, here):
    _, output = make_tree(here)
    (output / ".m2fp").mkdir(exist_ok=True)
    said = str(run(f"{command} {output}/labels"))
    assert said.endswith(f", such as {output}, which holds it")
    assert "which holds it" not in str(run(f"{command} {here}"))
