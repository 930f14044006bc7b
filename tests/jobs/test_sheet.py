"""The contact sheet of an output: which pictures are on it, and which files it may replace."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from m2fp_cli.batch.job import Worker
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.written import written_files
from m2fp_cli.errors import OutputError
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs import sheet as sheet_job
from m2fp_cli.jobs.fitting import FittingSettings
from m2fp_cli.jobs.sheet import make_sheet
from m2fp_cli.jobs.tryon import FittingJob
from m2fp_cli.jobs.variants import VariantsJob
from m2fp_cli.layout import SHEET_MARK
from m2fp_cli.render.contact_sheet import Cell
from m2fp_cli.tryon.look import Look, Wish
from tests.support.parsed_person import parse_drawn

LOOK = Look({"glasses": Wish(("round", "wide", "sunglasses"), is_list=True)})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A photo, its variants and its composite."""
    photo, out = parse_drawn(tmp_path_factory.mktemp("sheet"))
    task = ImageTask(str(photo), "anna")
    for job in (VariantsJob, FittingJob):
        worker: Worker = job(out, out, FittingSettings(LOOK)).build_worker(1)
        worker.save(task, worker.compute(task, worker.load(task)))
    return task, out


@pytest.fixture
def output(done, tmp_path):
    """A copy of it, to be changed."""
    task, out = done
    return task, shutil.copytree(out, tmp_path / "out")


def cells_of(monkeypatch, output, task, variants=None):
    """The captions, notes and pictures of a sheet."""
    seen: list[Cell] = []

    def keep(blocks, largest):
        seen.extend(cell for block in blocks for cell in block.cells)
        return iter(())

    monkeypatch.setattr(sheet_job, "draw_sheet", keep)
    make_sheet(output, output, [task], variants)
    return seen


def test_the_photo_comes_first_and_then_its_variants(monkeypatch, output):
    task, out = output
    cells = cells_of(monkeypatch, out, task, LOOK.variants())
    names = ["glasses round", "glasses wide", "glasses sunglasses"]
    assert [cell.caption for cell in cells] == ["anna", *names]
    assert len({cell.picture.tobytes() for cell in cells}) == 4


def test_a_photo_with_one_picture_is_beside_it(monkeypatch, output):
    task, out = output
    cells = cells_of(monkeypatch, out, task)
    assert cells[0].caption == "anna"
    assert cells[1].caption in ("round", "wide", "sunglasses")


def test_what_cannot_be_read_has_its_place(monkeypatch, output):
    task, out = output
    (out / "variants/anna/glasses-wide.png").write_bytes(b"no picture")
    cell = cells_of(monkeypatch, out, task, LOOK.variants())[2]
    assert (cell.picture, cell.caption, cell.note) == (None, "glasses wide", "cannot be read")


def test_who_got_nothing_is_said(monkeypatch, output):
    task, out = output
    record = out / "tryon/anna.json"
    text = record.read_text().replace('"placed":true', '"placed":false')
    record.write_text(text.replace('"reason":null', '"reason":"no face is visible"'))
    cell = cells_of(monkeypatch, out, task)[1]
    assert (cell.caption, cell.note) == ("nothing", "no glasses: no face is visible")


def test_what_is_for_somebody_else_is_worn_by_nobody(monkeypatch, output):
    task, out = output
    record = out / "variants/anna/glasses-wide.json"
    record.write_text(record.read_text().replace('"kind":"glasses","name"', '"kind":"hair","name"'))
    cells = cells_of(monkeypatch, out, task, LOOK.variants())
    assert [cell.note for cell in cells] == ["", "", "nobody wears it", ""]


@pytest.mark.parametrize(
    "record", ['{"people":[],"kind":"hat","item":"x","picture":"../../../etc/hosts"}', "[", "{}"]
)
def test_a_record_of_somebody_else_shows_nothing(output, record):
    task, out = output
    for path in (out / "variants/anna").glob("*.json"):
        path.write_text(record)
    assert make_sheet(out, out, [task], LOOK.variants()) == (out / "sheet.jpg", 0)
    assert not (out / "sheet.jpg").exists()


def test_a_sheet_replaces_its_own_pages_only(output):
    task, out = output
    for page in (2, 3):
        (out / f"sheet-{page}.jpg").write_bytes(b"\xff\xd8\xff\xfe\0\x16" + SHEET_MARK)
    (out / "sheet-4.jpg").write_bytes(b"mine")
    for _ in range(2):
        assert make_sheet(out, out, [task], LOOK.variants()) == (out / "sheet.jpg", 1)
    assert sorted(path.name for path in out.glob("sheet*")) == ["sheet-4.jpg", "sheet.jpg"]
    assert np.ptp(read_image(out / "sheet.jpg").image_bgr) > 200
    (out / "sheet.jpg").write_bytes(b"mine")
    with pytest.raises(OutputError, match="m2fp did not write it"):
        make_sheet(out, out, [task], LOOK.variants())


def test_a_sheet_is_not_read_as_a_photo(output):
    task, out = output
    (out / "sheet-2.jpg").write_bytes(b"mine")
    make_sheet(out, out, [task], LOOK.variants())
    assert "sheet.jpg" in written_files(out)
    assert "sheet-2.jpg" not in written_files(out)
