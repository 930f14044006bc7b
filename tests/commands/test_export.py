"""``m2fp export`` and ``m2fp masks`` from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.cli import app
from m2fp_cli.commands import exporting
from m2fp_cli.commands.export import parse_fill, parse_size, parse_split
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.storage.tree import OutputTree
from tests.support.parsed_tree import make_tree, two_people
from tests.support.scripted import tree_of


def run(*arguments):
    """Exit code and error of a command."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.exception


def files(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_masks_lie_beside_the_results_in_the_photos_folders(tmp_path):
    _, output = make_tree(tmp_path)
    assert run("masks", output, "-q")[0] == 0
    assert files(output / "agnostic") == ["a.png", "manifest.json", "sub/b.png"]
    with Image.open(output / "agnostic" / "a.png") as image:
        mask = np.asarray(image)
    person = two_people().person_map
    assert mask[person == 1].any()
    assert not mask[person == 2].any()


def test_every_person_can_have_a_mask(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    assert run("masks", output, "-q", "--person", "all")[0] == 0
    assert {"a_p1.png", "a_p2.png"} < set(files(output / "agnostic"))


def test_photos_beside_which_a_data_set_was_written_are_photos_still(tmp_path, monkeypatch):
    photos, output = make_tree(tmp_path)
    assert run("export", output, "--to", "labelme", "-o", photos, "-q")[0] == 0
    monkeypatch.chdir(tmp_path)
    assert run("export", photos, "--to", "yolo", "-q")[0] == 0
    assert "yolo/labels/train/a.txt" in files(tmp_path / "m2fp-out")


def test_a_data_set_goes_to_a_folder_of_its_own_and_is_not_made_twice(tmp_path):
    _, output = make_tree(tmp_path)
    assert run("export", output, "--to", "viton-hd", "-o", tmp_path / "sets", "-q")[0] == 0
    root = tmp_path / "sets" / "viton-hd"
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")}
    assert len(before) == 4
    assert run("export", output, "--to", "viton-hd", "-o", tmp_path / "sets", "-q")[0] == 0
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")}


def test_a_parse_that_was_cut_short_is_told(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    with OutputTree(output) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.start({}, 4, 3)
        writer.close()
    for command in ("masks", "report"):
        answer = CliRunner().invoke(app, [command, str(output)])
        assert answer.exit_code == 0
        first = answer.stderr.splitlines()[0]
        assert first == "3 photos left to parse; those without a result are not among these"


def test_people_without_joints_are_said_once_unless_quiet(tmp_path):
    _, output = make_tree(tmp_path)
    command = ["export", str(output), "--to", "coco", "-o", str(tmp_path / "sets")]
    loud, quiet = (CliRunner().invoke(app, [*command, *more]).stderr for more in ((), ("-q",)))
    assert loud.count("people without joints: 4 too small\n") == 1
    assert "joints" not in quiet


def test_other_settings_replace_the_files_of_the_old_ones(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    run("export", output, "--to", "comfyui", "-q")
    assert run("export", output, "--to", "comfyui", "-q", "--people", "1,2")[0] == 0
    names = ["a_p1.png", "a_p1_mask.png", "a_p2.png", "a_p2_mask.png", "manifest.json"]
    assert files(output / "comfyui") == names


def test_a_photo_that_was_changed_fails_and_is_not_in_the_data_set(tmp_path):
    photos, output = make_tree(tmp_path)
    Image.new("RGB", (160, 120)).save(photos / "a.png")
    assert run("export", output, "--to", "comfyui", "-q")[0] == 3
    document = json.loads((output / "comfyui" / "manifest.json").read_text())
    assert [one["name"] for one in document["photos"]] == ["sub__b"]


def test_a_disk_that_is_not_mounted_costs_no_data_set(tmp_path):
    photos, output = make_tree(tmp_path)
    command = ("export", output, "--to", "coco", "-o", tmp_path / "sets", "-q")
    assert run(*command)[0] == 0
    before = tree_of(tmp_path / "sets")
    assert len(before) > 6
    photos.rename(tmp_path / "away")
    for _ in range(2):
        assert run(*command)[0] == 3
        assert tree_of(tmp_path / "sets") == before
    (tmp_path / "away").rename(photos)
    assert run(*command)[0] == 0
    assert tree_of(tmp_path / "sets") == before


def test_photos_that_were_moved_are_known_again_after_a_run_that_missed_them(tmp_path):
    photos, output = make_tree(tmp_path)
    command = ("export", output, "--to", "coco", "-o", tmp_path / "sets", "-q")
    assert run(*command)[0] == 0
    before = tree_of(tmp_path / "sets")
    photos.rename(tmp_path / "moved")
    assert run(*command)[0] == 3
    assert run(*command, "--photos", tmp_path / "moved")[0] == 0
    assert tree_of(tmp_path / "sets") == before


@pytest.mark.parametrize("is_missed_first", [True, False])
def test_a_photo_that_a_parse_has_forgotten_keeps_what_was_made_of_it(tmp_path, is_missed_first):
    photos, output = make_tree(tmp_path)
    command = ("export", output, "--to", "comfyui", "-o", tmp_path / "sets")
    assert run(*command, "-q")[0] == 0
    (photos / "a.png").unlink()
    if is_missed_first:
        assert run(*command, "-q")[0] == 3
    assert run("status", output, "--prune")[0] == 0
    said = CliRunner().invoke(app, [*map(str, command)]).output
    assert "its photo is not known here" in said
    assert "a_mask.png" in files(tmp_path / "sets" / "comfyui")


def test_pictures_of_a_photo_that_is_gone_and_forgotten_stay_and_the_photo_is_named(tmp_path):
    photos, output = make_tree(tmp_path)
    command = ("colorize", output, "-o", tmp_path / "art")
    assert run(*command, "-q")[0] == 0
    before = tree_of(tmp_path / "art")
    (photos / "a.png").unlink()
    assert run("status", tmp_path / "art", "--prune")[0] == 0
    said = CliRunner().invoke(app, [*map(str, command)]).output
    assert "a.png: is not there any more; name the folder it is in now with --photos" in said
    assert tree_of(tmp_path / "art") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--category", "hat"), "--category takes"),
        (("--rule", "wide"), "--rule takes"),
        (("--grow", "much"), "--grow takes"),
        (("--fill", "red"), "--fill takes"),
        (("--size", "768"), "--size takes"),
        (("--size", "10x10"), "each 16 to 8192 pixels"),
        (("--split", "../x"), "--split takes"),
        (("--label-set", "coco"), "there is no label set"),
        (("--people", "tallest"), "--people takes"),
    ],
)
def test_wrong_options_are_told_before_any_work(tmp_path, arguments, said):
    _, output = make_tree(tmp_path, ("a",))
    _, error = run("export", output, "--to", "viton-hd", *arguments)
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert not (output / "viton-hd").exists()


def test_labels_are_refused_where_none_are_written(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    _, error = run("export", output, "--to", "comfyui", "--label-set", "atr")
    assert "holds no label maps" in str(error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("coco", "--category", "lower"), "coco makes no masks; leave --category out"),
        (("coco", "--fill", "0"), "coco makes no masks; leave --fill out"),
        (("comfyui", "--size", "64x64"), "comfyui scales no pictures; leave --size"),
        (
            ("labelme", "--split", "val"),
            "labelme has no parts such as train and test; leave --split",
        ),
    ],
)
def test_options_without_effect_are_refused(tmp_path, arguments, said):
    _, output = make_tree(tmp_path, ("a",))
    _, error = run("export", output, "--to", *arguments)
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_a_list_of_somebody_else_is_told_before_the_work_and_replaced_if_asked(tmp_path):
    photos, output = make_tree(tmp_path, ("a",))
    table, other = output / "describe" / "people.csv", tmp_path / "new" / "describe" / "people.csv"
    for path in (table, other):
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    before = files(tmp_path)
    for inputs in ((output,), (photos, "-o", tmp_path / "new", "--model", tmp_path / "none")):
        _, error = run("describe", *inputs)
        assert isinstance(error, OutputError)
        assert "people.csv is there already and no export wrote it" in str(error)
        assert files(tmp_path) == before
    assert table.read_text() == other.read_text() == "mine"
    assert run("describe", output, "-q", "--overwrite")[0] == 0
    assert table.read_text().startswith("photo,")


@pytest.mark.slow
def test_a_list_that_somebody_makes_meanwhile_is_told_after_the_summary(tmp_path, monkeypatch):
    _, output = make_tree(tmp_path, ("a",))
    table = output / "describe" / "people.csv"
    table.parent.mkdir()
    table.write_text("mine")
    monkeypatch.setattr(exporting, "check_common_files", lambda *_, **__: None)
    answer = CliRunner().invoke(app, ["describe", str(output), "--json", "--workers", "1"])
    assert isinstance(answer.exception, OutputError)
    assert "people.csv is there already and no export wrote it" in str(answer.exception)
    assert "1 done; 2 people" in answer.stderr
    assert json.loads(answer.stdout)["exit_code"] == 73
    assert table.read_text() == "mine"


def test_values_are_read():
    assert parse_fill("127") == (127, 127, 127)
    assert parse_fill("#0a0b0c") == (10, 11, 12)
    assert parse_size("384x512") == (384, 512)
    assert parse_split("train") == "train"
    for wrong in ("256", "#12345", "0x10"):
        with pytest.raises(UsageError):
            parse_fill(wrong)
    with pytest.raises(UsageError):
        parse_size("8x8")


def test_everybody_is_in_the_table(tmp_path):
    _, output = make_tree(tmp_path)
    assert run("describe", output, "-q")[0] == 0
    lines = (output / "describe" / "people.csv").read_text().splitlines()
    assert len(lines) == 1 + 4
    assert lines[1].startswith("a.png,1,")
