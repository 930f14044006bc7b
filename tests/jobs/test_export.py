"""Exports through the batch engine: manifest, and what happens to others' files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from m2fp_cli.batch.lock import hold_part
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportSettings
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jobs.export_files import check_common_files, common_names, finish_export
from m2fp_cli.layout import EXPORTS
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.tree import OutputTree
from tests.support.parsed_tree import make_tree


def export_all(tmp_path, name="comfyui", **settings):
    _, output = make_tree(tmp_path)
    wanted = find_format(name)
    job = ExportJob(output, output, name, ExportSettings(people=wanted.people, **settings))
    tasks = tuple(
        ImageTask(f"{tmp_path}/photos/{key}.png", key, job.targets(ImageTask("", key)))
        for key in ("a", "sub/b")
    )
    return job, tasks


def run(job, tasks):
    from m2fp_cli.batch.history import manifest_name
    from m2fp_cli.batch.manifest import ManifestWriter
    from m2fp_cli.storage.tree import OutputTree

    worker = job.build_worker(1)
    with OutputTree(job.output) as tree:
        manifest = ManifestWriter(tree, manifest_name(job.name))
        for task in tasks:
            report = worker.save(task, worker.compute(task, worker.load(task)))
            manifest.add(report, (), "drawn")
        manifest.close()


def test_the_manifest_says_where_everything_is_from(tmp_path):
    job, tasks = export_all(tmp_path, "viton-hd")
    run(job, tasks)
    document = json.loads(finish_export(job, tasks).read_text())
    assert [(one["name"], one["source"]) for one in document["photos"]] == [
        ("a", "a.png"),
        ("sub__b", "sub/b.png"),
    ]
    assert document["photos"][0]["people"][0]["photo_wh"] == [160, 120]
    assert "cloth" in document["not_made"]
    assert (job.folder / "test_pairs.txt").read_text() == "a.jpg a.jpg\nsub__b.jpg sub__b.jpg\n"


@pytest.mark.parametrize(("name", "people"), [("viton-hd", 1), ("coco", 2)])
def test_a_report_counts_the_people_who_are_exported(tmp_path, name, people):
    job, tasks = export_all(tmp_path, name)
    worker = job.build_worker(1)
    report = worker.save(tasks[0], worker.compute(tasks[0], worker.load(tasks[0])))
    assert report.people_text == ("1 person" if people == 1 else f"{people} people")


def test_people_without_joints_are_counted_by_the_reason(tmp_path):
    job, tasks = export_all(tmp_path, "coco")
    path = job.output / "results" / "a.json"
    older = json.loads(path.read_text()) | {"format_version": "1.1"}
    path.write_text(json.dumps(older))
    run(job, tasks)
    said: list[str] = []
    document = json.loads(finish_export(job, tasks, tell=said.append).read_text())
    assert document["without_joints"] == {
        "parsed by an older m2fp (parse again)": 2,
        "too small": 2,
    }
    assert said == ["people without joints: 2 parsed by an older m2fp (parse again), 2 too small"]


def test_formats_without_joints_say_nothing_about_them(tmp_path):
    job, tasks = export_all(tmp_path, "yolo")
    run(job, tasks)
    said: list[str] = []
    document = json.loads(finish_export(job, tasks, tell=said.append).read_text())
    assert "without_joints" not in document
    assert said == []


def rename(job, **labels):
    """Have the results come from a model with other labels."""
    for path in (job.output / "results").rglob("*.json"):
        text = path.read_text()
        for old, new in labels.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        path.write_text(text)


@pytest.mark.parametrize(("name", "own"), [("cihp", "cihp"), ("dresscode", "atr")])
def test_labels_that_a_data_set_has_no_place_for_are_named(tmp_path, name, own):
    job, tasks = export_all(tmp_path, name)
    rename(job, Hair="Fringe", Glove="Mitten", Pants="Trousers")  # nobody wears a mitten
    run(job, tasks)
    said: list[str] = []
    document = json.loads(finish_export(job, tasks, tell=said.append).read_text())
    assert document["labels_without_place"] == ["Fringe", "Trousers"]
    assert said[0] == (
        f"labels that {own} has no place for became background: Fringe, Trousers; "
        "--label-set FILE.json says where they go"
    )


EMPTY = (
    "empty masks: 2 people, of whom nothing is seen that --category upper covers (UpperClothes, "
    "Coat, Dress, Jumpsuits)"
)


@pytest.mark.parametrize("name", ["agnostic", "comfyui", "viton-hd"])
@pytest.mark.parametrize(("top", "lines"), [("UpperClothes", []), ("Waistcoat", [EMPTY])])
def test_masks_in_which_nothing_is_painted_are_counted(tmp_path, name, top, lines):
    job, tasks = export_all(tmp_path, name)
    rename(job, UpperClothes=top)
    run(job, tasks)
    said: list[str] = []
    finish_export(job, tasks, tell=said.append)
    assert [line for line in said if "empty masks" in line] == lines


def test_photos_that_are_not_done_are_left_out(tmp_path):
    job, tasks = export_all(tmp_path)
    run(job, tasks[:1])
    document = json.loads(finish_export(job, tasks).read_text())
    assert [one["name"] for one in document["photos"]] == ["a"]


def test_files_of_the_whole_data_set_replace_their_own_kind_only(tmp_path):
    job, tasks = export_all(tmp_path, "viton-hd")
    run(job, tasks)
    finish_export(job, tasks)
    finish_export(job, tasks)
    (job.folder / "train_pairs.txt").write_text("mine")
    other = ExportJob(job.output, job.output, "viton-hd", ExportSettings(split="train"))
    with pytest.raises(ConflictError):
        finish_export(other, tasks)
    assert (job.folder / "train_pairs.txt").read_text() == "mine"


@pytest.mark.parametrize("name", EXPORTS)
def test_names_of_the_common_files_are_known_before_the_work(tmp_path, name):
    job, tasks = export_all(tmp_path, name)
    run(job, tasks[:1])
    check_common_files(job)
    before = {path for path in job.folder.rglob("*") if path.is_file()}
    finish_export(job, tasks)
    made = {path for path in job.folder.rglob("*") if path.is_file()} - before
    assert made == {job.output / one for one in common_names(job)}
    check_common_files(job)


def test_lists_hold_all_that_is_done_when_their_turn_comes(tmp_path):
    job, tasks = export_all(tmp_path)
    run(job, tasks[:1])
    with ThreadPoolExecutor(1) as threads, OutputTree(job.output) as tree:
        with hold_part(tree, job.name):
            ended = threads.submit(finish_export, job, tasks)
            run(job, tasks[1:])
            assert not ended.done()
        document = json.loads(ended.result(10).read_text())
    assert [one["name"] for one in document["photos"]] == ["a", "sub__b"]


def test_what_was_written_is_known_by_the_record_of_a_run_that_was_cut_short(tmp_path):
    job, tasks = export_all(tmp_path)
    run(job, tasks[:1])
    assert set(job.targets(tasks[0])) == {
        ".m2fp/export-comfyui/a.json",
        "comfyui/a.png",
        "comfyui/a_mask.png",
    }


def test_settings_that_a_format_does_not_use_change_nothing(tmp_path):
    job, _ = export_all(tmp_path, "label-maps")
    other = ExportJob(job.output, job.output, "label-maps", ExportSettings(fit="crop"))
    assert other.signature() == job.signature()
    masks = [
        ExportJob(job.output, job.output, "comfyui", ExportSettings(fit=fit)).signature()
        for fit in ("pad", "crop")
    ]
    assert masks[0] == masks[1]
