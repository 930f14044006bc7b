from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from m2fp_cli.batch.report import Status
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.cli import app
from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.jobs.tryon import FittingJob, FittingSettings, parse_people
from m2fp_cli.layout import DEFAULT_SAVE
from m2fp_cli.records.document import Provenance
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from m2fp_cli.render.previews import read_preview
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.drawn_people import draw_person


@pytest.fixture
def parsed(tmp_path):
    """A photo and its result, as a parse leaves them."""
    drawn = draw_person()
    photo = tmp_path / "anna.png"
    photo.write_bytes(encode_png(drawn.photo_bgr))
    origin = Provenance("anna.png", 0, "", 1, "m", "0", "fast", False, 0.1)
    parsed = ParsedPhoto(drawn.photo_bgr, drawn.result, origin)
    with OutputTree(tmp_path / "out", create=True) as tree:
        write_group(tree, encode_outputs(parsed, "anna", DEFAULT_SAVE))
    return photo, tmp_path / "out"


def run_job(photo, out, **settings):
    worker = FittingJob(out, out, FittingSettings(**settings)).build_worker(1)
    task = ImageTask(str(photo), "anna")
    return worker.save(task, worker.compute(task, worker.load(task)))


def test_a_job_writes_picture_and_record(parsed):
    photo, out = parsed
    report = run_job(photo, out, items=(("hat", "fedora"),))
    assert report.status is Status.DONE
    assert set(report.files) == {"tryon/anna.png", "tryon/anna.json"}
    assert read_image(out / "tryon/anna.png").image_hw == read_image(photo).image_hw
    document = json.loads((out / "tryon/anna.json").read_text())
    assert document["people"][0]["items"][0]["placed"] is True


@pytest.mark.parametrize("color", ["copper", "Copper", "#a0522e"])
def test_hair_has_a_color_by_name_or_number(parsed, color):
    photo, out = parsed
    job = FittingJob(out, out, FittingSettings((("hair", color),)))
    assert job.signature()["hair"] == color
    assert run_job(photo, out, items=(("hair", color),)).status is Status.DONE


def test_a_changed_accessory_changes_the_signature(tmp_path):
    hat = tmp_path / "hat.png"
    signatures = []
    for content in (b"one", b"two"):
        hat.write_bytes(content)
        job = FittingJob(tmp_path, tmp_path, FittingSettings((("hat", str(hat)),)))
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


def test_the_report_shows_the_composite(parsed):
    photo, out = parsed
    asked = ["tryon", str(out), "--hat", "cap", "--report", "--photos", str(photo.parent), "-q"]
    outcome = CliRunner().invoke(app, [*asked, "--workers", "1"])
    assert outcome.exit_code == 0, outcome.exception
    assert (out / "report.html").is_file()
    assert read_preview(OutputTree(out), "anna").tryon.startswith("data:image/")


def test_a_report_apart_from_the_results_is_refused(parsed, tmp_path):
    _, out = parsed
    asked = ["tryon", str(out), "--hat", "cap", "--report", "-o", str(tmp_path / "elsewhere")]
    assert "--output" in str(CliRunner().invoke(app, asked).exception)
