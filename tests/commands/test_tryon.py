from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from m2fp_cli.batch.report import Status
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.cli import app
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs.fitting import FittingSettings, parse_people
from m2fp_cli.jobs.tryon import FittingJob
from m2fp_cli.render.previews import read_preview
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.tryon.catalog import accessories_folder
from m2fp_cli.tryon.look_file import look_of_options
from tests.support.parsed_person import parse_drawn

HATS = {f"{name}.{suffix}" for name in ("beanie", "cap") for suffix in ("png", "json")}


@pytest.fixture
def parsed(tmp_path):
    """A photo and its result, as a parse leaves them."""
    return parse_drawn(tmp_path)


def run_job(photo, out, **worn):
    worker = FittingJob(out, out, FittingSettings(look_of_options(worn))).build_worker(1)
    task = ImageTask(str(photo), "anna")
    return worker.save(task, worker.compute(task, worker.load(task)))


def test_a_job_writes_picture_and_record(parsed):
    photo, out = parsed
    report = run_job(photo, out, hat="fedora")
    assert report.status is Status.DONE
    assert set(report.files) == {"tryon/anna.png", "tryon/anna.json"}
    assert read_image(out / "tryon/anna.png").image_hw == read_image(photo).image_hw
    document = json.loads((out / "tryon/anna.json").read_text())
    assert document["people"][0]["items"][0]["placed"] is True


@pytest.mark.parametrize("color", ["copper", "Copper", "#a0522e"])
def test_hair_has_a_color_by_name_or_number(parsed, color):
    photo, out = parsed
    job = FittingJob(out, out, FittingSettings(look_of_options({"hair": color})))
    assert job.signature()["hair"] == color.lower()
    assert run_job(photo, out, hair=color).status is Status.DONE


def test_a_changed_accessory_changes_the_signature(tmp_path):
    hat = tmp_path / "hat.png"
    signatures = []
    for content in (b"one", b"two"):
        hat.write_bytes(content)
        job = FittingJob(tmp_path, tmp_path, FittingSettings(look_of_options({"hat": str(hat)})))
        signatures.append(job.signature())
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(("text", "people"), [("all", "all"), ("1, 3", (1, 3))])
def test_people_are_named_or_numbered(text, people):
    assert parse_people(text) == people


@pytest.mark.parametrize("text", ["", "0", "1,x", "everybody"])
def test_wrong_people_are_said(text):
    with pytest.raises(UsageError, match="--people"):
        parse_people(text)


def test_accessories_are_listed_and_checked(tmp_path):
    listed = CliRunner().invoke(app, ["accessories", "list", "--json"])
    assert {"name": "fedora", "kind": "hat"} in json.loads(listed.stdout)
    plain = CliRunner().invoke(app, ["accessories", "show", "fedora"]).stdout
    assert "size: 1280 x 720\n" in plain
    assert "anchors: band_left at 246." in plain
    shown = CliRunner().invoke(app, ["accessories", "show", "fedora", "--json"])
    path, target = json.loads(shown.stdout)["file"], tmp_path / "anchors.png"
    checked = CliRunner().invoke(app, ["accessories", "check", path, "-o", str(target)])
    assert checked.exit_code == 0
    assert read_image(target).image_hw == read_image_size(path)


def read_image_size(path):
    from pathlib import Path

    return read_image(Path(path)).image_hw


def test_nothing_to_wear_is_said():
    outcome = CliRunner().invoke(app, ["tryon"])
    assert isinstance(outcome.exception, UsageError)


def test_no_earlier_parse_is_said_without_a_word_of_paint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, ["tryon", "--hat", "cap"])
    assert "name photos" in str(outcome.exception)
    assert "paint" not in str(outcome.exception)


@pytest.mark.slow
def test_the_report_shows_the_composite(parsed):
    photo, out = parsed
    asked = ["tryon", str(out), "--hat", "cap", "--report", "--photos", str(photo.parent), "-q"]
    outcome = CliRunner().invoke(app, [*asked, "--workers", "1"])
    assert outcome.exit_code == 0, outcome.exception
    assert (out / "report.html").is_file()
    assert read_preview(OutputTree(out), "anna").tryon.startswith("data:image/")


@pytest.mark.slow
def test_a_bottom_may_be_said_to_be_a_fabric(parsed, tmp_path):
    photo, out = parsed
    swatch = np.full((100, 100, 3), 255, np.uint8)
    swatch[30:70, 20:80] = 90  # alone on white
    cv2.imwrite(str(tmp_path / "swatch.png"), swatch)
    asked = ["tryon", str(out), "--photos", str(photo.parent), "--workers", "1", "-q"]
    worn = ["--bottom", str(tmp_path / "swatch.png")]
    assert isinstance(CliRunner().invoke(app, [*asked, *worn]).exception, UsageError)
    assert CliRunner().invoke(app, [*asked, *worn, "--as", "fabric"]).exit_code == 0


def test_a_report_apart_from_the_results_is_refused(parsed, tmp_path):
    _, out = parsed
    asked = ["tryon", str(out), "--hat", "cap", "--report", "-o", str(tmp_path / "elsewhere")]
    assert "--output" in str(CliRunner().invoke(app, asked).exception)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--look", "look.toml", "--hat", "cap"], "--look and --hat exclude each other"),
        (["--hat", "cap", "--each"], "--each has nothing to choose from"),
        (["--hat", "hats", "--each", "--report"], "--report shows one picture of each photo"),
        (["--hat", "hats", "--sheet", "--shard", "1/2"], "--sheet needs all photos"),
        (["--hat", "cap", "--layer", "inner"], "--layer inner is about tops, and nobody gets one"),
        (["--hair", "copper", "--as", "fabric"], "--as fabric is about tops"),
        (["--bottom", "denim", "--as", "garment"], "--as garment is about tops"),
        (["--look", "look.toml"], "look.toml: everyone.hat: bowler: is not a file, and no hat"),
        (["--look", "other.toml"], "other.toml: there is no such file"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_done(
    parsed, monkeypatch, asked, message
):
    photo, out = parsed
    monkeypatch.chdir(photo.parent)
    (photo.parent / "look.toml").write_text('[everyone]\nhat = "bowler"\n')
    shutil.copytree(accessories_folder(), "hats", ignore=lambda _, names: {*names} - HATS)
    outcome = CliRunner().invoke(app, ["tryon", str(out), *asked])
    assert isinstance(outcome.exception, UsageError)
    assert message in str(outcome.exception)
    assert not (out / ".m2fp").exists()


@pytest.mark.slow
def test_a_folder_of_hats_becomes_variants_and_a_sheet(parsed, monkeypatch):
    photo, out = parsed
    monkeypatch.chdir(photo.parent)
    shutil.copytree(accessories_folder(), "hats", ignore=lambda _, names: {*names} - HATS)
    asked = ["tryon", str(out), "--hat", "hats", "--each", "--sheet", "--workers", "1"]
    asked += ["--photos", str(photo.parent)]
    first = CliRunner().invoke(app, asked)
    assert first.exit_code == 0, first.exception
    assert "1 photo: 1 new" in first.output
    assert f"contact sheet in {out}/sheet.jpg" in first.output
    names = sorted(path.name for path in (out / "variants/anna").iterdir())
    assert names == ["hat-beanie.json", "hat-beanie.png", "hat-cap.json", "hat-cap.png"]
    (out / "sheet.jpg").unlink()
    assert "1 photo: 1 up to date" in CliRunner().invoke(app, asked).output
    assert (out / "sheet.jpg").is_file()


@pytest.mark.slow
def test_another_catalog_comes_beside_the_first_one_until_the_photo_changes(parsed):
    photo, out = parsed
    folder, look = out / "variants/anna", photo.parent / "look.toml"

    def show(glasses, *more):
        look.write_text(f'[everyone]\nglasses = ["{glasses}"]\n')
        asked = ["tryon", str(out), "--look", str(look), "--each", "--workers", "1", *more]
        outcome = CliRunner().invoke(app, [*asked, "--photos", str(photo.parent)])
        assert outcome.exit_code == 0, outcome.output
        return sorted(path.name.removeprefix("glasses-") for path in folder.iterdir())

    assert show("round") == ["round.json", "round.png"]
    assert show("wide") == ["round.json", "round.png", "wide.json", "wide.png"]
    (folder / "glasses-round.png").unlink()
    (folder / "glasses-round.json").unlink()
    assert show("wide") == ["wide.json", "wide.png"]  # what was removed is not asked for again
    assert show("wide", "--format", "jpg") == ["wide.jpg", "wide.json"]
    result = out / "results/anna.json"
    result.write_text(f"{result.read_text()}\n")  # the photo was parsed anew
    assert show("round") == ["round.json", "round.png"]


def test_a_sheet_of_somebody_else_is_told_before_the_work(parsed):
    _, out = parsed
    (out / "sheet.jpg").write_bytes(b"mine")
    outcome = CliRunner().invoke(app, ["tryon", str(out), "--hat", "cap", "--sheet"])
    assert isinstance(outcome.exception, OutputError)
    assert "sheet.jpg is there already and m2fp did not write it" in str(outcome.exception)
    assert not (out / "tryon").exists()
