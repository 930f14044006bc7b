"""A picture of a photo for each item: what is written, what a failure leaves, what is done once."""

from __future__ import annotations

import json
import shutil
from unittest.mock import Mock

import pytest

from m2fp_cli.batch.report import Status
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs.fitting import Fitter, FittingSettings
from m2fp_cli.jobs.tryon import FittingJob
from m2fp_cli.jobs.variants import VariantsJob, time_limit
from m2fp_cli.records.document import load_result
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.tryon import fitting
from m2fp_cli.tryon.catalog import accessories_folder
from m2fp_cli.tryon.fitting import changed_box, try_on
from m2fp_cli.tryon.head import fit_head
from m2fp_cli.tryon.look import Look, Wish
from tests.support.parsed_person import parse_drawn

pytestmark = pytest.mark.slow

ITEMS = Look({"glasses": Wish(("round", "wide"), is_list=True), "hair": Wish(("#a04020",))})
PICTURES = ["glasses-round.png", "glasses-wide.png"]
NAMES = ["glasses-round.json", "glasses-round.png", "glasses-wide.json", "glasses-wide.png"]


def run(photo, out, look=ITEMS, may_replace=()):
    job = VariantsJob(out, out, FittingSettings(look))
    task = ImageTask(str(photo), photo.stem, may_replace)
    worker = job.build_worker(1)
    return worker.save(task, worker.compute(task, worker.load(task)))


def names_in(out):
    folder = out / "variants" / "anna"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_each_picture_is_as_if_its_item_were_worn_alone(tmp_path):
    photo, out = parse_drawn(tmp_path)
    report = run(photo, out)
    assert (report.status, report.people, report.dressed) == (Status.DONE, 1, 1)
    assert sorted(report.files) == [f"variants/anna/{name}" for name in NAMES]
    image, result = read_image(photo).image_bgr, load_result(out / "results/anna.json")
    for name in ("round", "wide"):
        alone = try_on(image, result, {"hair": "#a04020", "glasses": name}).image_bgr
        shown = read_image(out / f"variants/anna/glasses-{name}.png").image_bgr
        assert (shown == alone).all()
        assert (shown != image).any()


def test_a_person_counts_once_for_a_reason_in_all_pictures(tmp_path):
    look = Look({**ITEMS.everyone, "shoes": Wish(("#a04020",))})
    report = run(*parse_drawn(tmp_path), look)
    assert len(report.files) == 4
    assert dict(report.not_put_on) == {"no shoes are visible": 1}


def test_a_record_beside_each_picture_tells_of_it(tmp_path):
    photo, out = parse_drawn(tmp_path)
    run(photo, out)
    records = (out / "variants/anna" / name for name in NAMES if name.endswith(".json"))
    documents = [json.loads(record.read_text()) for record in records]
    assert [one["picture"] for one in documents] == PICTURES
    assert [(one["kind"], one["item"]) for one in documents] == [
        ("glasses", "round"),
        ("glasses", "wide"),
    ]
    assert {one["source"] for one in documents} == {photo.name}
    kinds = [item["kind"] for item in documents[1]["people"][0]["items"]]
    assert kinds == ["hair", "glasses"]
    image, shown = (read_image(p).image_bgr for p in (photo, out / "variants/anna" / PICTURES[1]))
    assert documents[1]["changed"] == list(changed_box(image, shown) or ())


def test_names_of_items_may_be_long_or_not_text(tmp_path):
    photo, out = parse_drawn(tmp_path)
    hats = [tmp_path / f"{name}.png" for name in ("h" * 250, "bad\udcff")]
    for hat in hats:
        shutil.copy(accessories_folder() / "cap.png", hat)
    report = run(photo, out, Look({"hat": Wish(tuple(map(str, hats)), is_list=True)}))
    assert (report.status, len(report.files)) == (Status.DONE, 4)
    assert len(names_in(out)) == 4


def test_heads_are_fitted_once_for_all_items(tmp_path, monkeypatch):
    photo, out = parse_drawn(tmp_path, people=2)
    fit = Mock(wraps=fit_head)
    monkeypatch.setattr(fitting, "fit_head", fit)
    run(photo, out)
    assert fit.call_count == 2


def test_a_photo_that_fails_takes_its_new_pictures_away_again(tmp_path, monkeypatch):
    photo, out = parse_drawn(tmp_path)
    encoded = []

    def encode(*_):
        encoded.append(1)
        if len(encoded) == 2:
            raise ImageError("too_large", "is too large")
        return b"new"

    monkeypatch.setattr(Fitter, "encode", encode)
    with pytest.raises(ImageError):
        run(photo, out)
    assert names_in(out) == []
    encoded.clear()
    (out / "variants/anna" / PICTURES[0]).write_bytes(b"old")
    with pytest.raises(ImageError):
        run(photo, out, may_replace=(f"variants/anna/{PICTURES[0]}",))
    assert names_in(out) == PICTURES[:1]  # it belongs to the photo


def test_nothing_is_written_before_the_last_stage(tmp_path):
    photo, out = parse_drawn(tmp_path)
    worker = VariantsJob(out, out, FittingSettings(ITEMS)).build_worker(1)
    task = ImageTask(str(photo), "anna")
    worker.compute(task, worker.load(task))
    assert names_in(out) == []  # of a process that dies here, the engine would take none as its own


def test_a_file_of_others_stays(tmp_path):
    photo, out = parse_drawn(tmp_path)
    foreign = out / "variants/anna" / PICTURES[1]
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"mine")
    with pytest.raises(ConflictError):
        run(photo, out)
    assert (names_in(out), foreign.read_bytes()) == (PICTURES[1:], b"mine")


def test_an_item_that_has_vanished_fails_the_photo(tmp_path):
    photo, out = parse_drawn(tmp_path)
    with pytest.raises(ImageError, match=r"gone.png: is not a file"):
        run(photo, out, Look({"hat": Wish((str(tmp_path / "gone.png"),), is_list=True)}))


def test_people_wear_what_the_look_says_of_each(tmp_path):
    photo, out = parse_drawn(tmp_path, people=3)
    look = Look({"glasses": Wish(("round",))}, people={2: {"glasses": Wish(("wide",))}})
    worker = FittingJob(out, out, FittingSettings(look, people=(2, 3))).build_worker(1)
    task = ImageTask(str(photo), "anna")
    worker.save(task, worker.compute(task, worker.load(task)))
    document = json.loads((out / "tryon/anna.json").read_text())
    worn = {one["id"]: [item["name"] for item in one["items"]] for one in document["people"]}
    assert worn == {2: ["wide"], 3: ["round"]}


def test_only_people_who_were_asked_for_are_counted(tmp_path):
    photo, out = parse_drawn(tmp_path, people=3)
    job = VariantsJob(out, out, FittingSettings(ITEMS, people=(2, 3)))
    task, worker = ImageTask(str(photo), "anna"), job.build_worker(1)
    assert worker.save(task, worker.compute(task, worker.load(task))).people == 2


def test_what_a_look_leaves_to_chance_is_in_the_signature():
    def signature(look):
        return FittingSettings(look).signature()

    plain, lists = Look({"hair": Wish(("copper",))}), Look({"hair": Wish(("blond", "pink"), True)})
    assert signature(plain)["hair"] == "copper"
    assert "look" not in signature(plain)
    assert signature(lists)["look"] != signature(Look(lists.everyone, seed=1))["look"]
    backwards = Look({"hair": Wish(("pink", "blond"), True)})
    assert signature(lists) == signature(backwards)
    assert signature(Look(largest=lists.everyone)) != signature(lists)


def test_a_large_catalog_gets_more_time():
    assert time_limit(20) is None
    assert time_limit(1000) == 30_000
