"""Lists of a whole data set: those of earlier options go, and what people edited stays."""

from __future__ import annotations

import json

import pytest

from m2fp_cli.batch.history import manifest_name, signature_digest
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.report import failed_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportSettings
from m2fp_cli.jobs import common_files
from m2fp_cli.jobs.common_files import files_name, write_common
from m2fp_cli.jobs.export import ExportJob
from m2fp_cli.jobs.export_files import finish_export
from m2fp_cli.records.mapping import load_mapping
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.parsed_tree import make_tree

PAIRS = "a.jpg a.jpg\nsub__b.jpg sub__b.jpg\n"


@pytest.fixture
def parsed(tmp_path):
    """The output of a parse, and its two photos."""
    photos, output = make_tree(tmp_path)
    return output, [ImageTask(str(photos / f"{key}.png"), key, ()) for key in ("a", "sub/b")]


def export(output, tasks, split="test", every=None, name="viton-hd", mapping=None, **options):
    """Export photos as a run does; ``every``: those whose lists are made."""
    people = find_format(name).people
    settings = ExportSettings(people=people, split=split, mapping=mapping, size_wh=(96, 128))
    job = ExportJob(output, output, name, settings)
    worker = job.build_worker(1)
    with OutputTree(output) as tree:
        manifest = ManifestWriter(tree, manifest_name(job.name))
        manifest.start(job.signature(), len(tasks), len(tasks))
        for task in (one._replace(may_replace=None) for one in tasks):
            report = worker.save(task, worker.compute(task, worker.load(task)))
            manifest.add(report, (), signature_digest(job.signature()))
        manifest.close()
    finish_export(job, tasks if every is None else every, **options)
    return job.folder


def test_the_list_of_an_earlier_split_goes_with_its_photos(parsed):
    output, tasks = parsed
    export(output, tasks)
    folder = export(output, tasks, "train")
    assert (folder / "train_pairs.txt").read_text() == PAIRS
    assert not (folder / "test_pairs.txt").exists()
    assert (export(output, tasks) / "test_pairs.txt").read_text() == PAIRS


def test_the_list_of_another_part_of_the_data_set_stays(parsed):
    output, tasks = parsed
    export(output, tasks[:1], "train")
    folder = export(output, tasks[1:])
    assert (folder / "train_pairs.txt").read_text() == "a.jpg a.jpg\n"
    assert (folder / "test_pairs.txt").read_text() == "sub__b.jpg sub__b.jpg\n"


def test_the_manifest_tells_of_photos_that_fail_now_and_why(parsed):
    output, tasks = parsed
    folder = export(output, tasks)
    gone = failed_report(tasks[0], ImageError("vanished", "is not there"))
    with OutputTree(output) as tree:
        manifest = ManifestWriter(tree, manifest_name("export-viton-hd"))
        manifest.add(gone._replace(files=(".m2fp/export-viton-hd/a.json",)), (), "")
        manifest.close()
    export(output, tasks[1:])
    listed, failed = json.loads((folder / "manifest.json").read_text())["photos"]
    assert (listed["source"], failed["source"]) == ("sub/b.png", "a.png")
    assert (listed.get("failed"), failed["failed"]) == (None, "vanished")
    assert failed["people"][0]["photo_wh"] == [160, 120]
    assert (folder / "test_pairs.txt").read_text() == "sub__b.jpg sub__b.jpg\n"


def test_the_manifest_tells_of_all_parts_and_how_they_were_made(parsed):
    output, tasks = parsed
    export(output, tasks[:1], "train")
    folder = export(output, tasks[1:])
    document = json.loads((folder / "manifest.json").read_text())
    later, earlier = document["photos"]
    assert [later["source"], earlier["source"]] == ["sub/b.png", "a.png"]
    assert earlier["people"][0]["window_xyxy"] == later["people"][0]["window_xyxy"]
    assert [document["settings"]["split"], earlier["settings"]["split"]] == ["test", "train"]
    assert "settings" not in later


@pytest.mark.parametrize(
    ("name", "split", "told"),
    [("coco", "test", 1), ("coco", "train", 0), ("yolo", "test", 0), ("comfyui", "test", 0)],
)
def test_photos_that_a_new_list_leaves_out_are_counted(parsed, name, split, told):
    output, tasks = parsed
    said: list[str] = []
    export(output, tasks[:1], name=name)
    export(output, tasks[1:], split, name=name, tell=said.append)
    found = [line for line in said if line.startswith("1 photo of earlier exports in ")]
    assert len(found) == told


@pytest.mark.parametrize(("name", "told"), [("yolo", 1), ("cvat", 1), ("coco", 0)])
def test_parts_whose_numbers_mean_other_labels_are_told(parsed, name, told):
    output, tasks = parsed
    said: list[str] = []
    export(output, tasks[:1], "train", name=name, tell=said.append)
    export(output, tasks[1:], "val", name=name, mapping=load_mapping("atr"), tell=said.append)
    found = [line for line in said if "with other labels than the set has now" in line]
    assert len(found) == told
    export(output, tasks, "val", name=name, mapping=load_mapping("atr"), tell=said.append)
    assert len([line for line in said if "with other labels" in line]) == told


def test_the_list_of_photos_that_are_still_as_they_were_stays(parsed):
    output, tasks = parsed
    export(output, tasks)
    folder = export(output, tasks[:1], "train", every=tasks)
    assert (folder / "test_pairs.txt").exists()
    assert (folder / "train_pairs.txt").read_text() == "a.jpg a.jpg\n"


def test_an_edited_list_stays_while_there_is_nothing_new_to_write(parsed):
    output, tasks = parsed
    pairs = export(output, tasks) / "test_pairs.txt"
    pairs.write_text("a.jpg red.jpg\n")
    export(output, [], every=tasks)
    assert pairs.read_text() == "a.jpg red.jpg\n"


@pytest.mark.parametrize("times", [1, 2])
def test_an_edited_list_that_would_be_lost_is_named(parsed, times):
    output, tasks = parsed
    folder = export(output, tasks[:1])
    pairs = folder / "test_pairs.txt"
    pairs.write_text("a.jpg red.jpg\n")
    for _ in range(times):
        with pytest.raises(ConflictError, match=r"test_pairs\.txt was changed since m2fp wrote it"):
            export(output, tasks)
    assert pairs.read_text() == "a.jpg red.jpg\n"
    assert "sub__b" in (folder / "manifest.json").read_text()
    export(output, tasks, overwrite=True)
    assert pairs.read_text() == PAIRS


def test_an_edited_list_of_an_earlier_split_stays(parsed):
    output, tasks = parsed
    pairs = export(output, tasks) / "test_pairs.txt"
    pairs.write_text("mine\n")
    export(output, tasks, "train")
    assert pairs.read_text() == "mine\n"
    with pytest.raises(ConflictError, match="no export wrote it"):
        export(output, tasks)


def test_yolo_names_the_parts_of_earlier_runs(parsed):
    output, tasks = parsed
    export(output, tasks[:1], "val", name="yolo")
    folder = export(output, tasks[1:], "train", name="yolo")
    assert (folder / "data.yaml").read_text().startswith("train: images/train\nval: images/val\n")
    export(output, tasks, "train", name="yolo")
    assert "val: images/train" in (folder / "data.yaml").read_text()


@pytest.mark.parametrize("written", [b"old", b"new"])
def test_a_run_that_was_cut_short_leaves_files_that_are_still_its_own(
    tmp_path, monkeypatch, written
):
    def stop_at_lists(tree, files, *rest):
        if not files[0][0].startswith(".m2fp/"):
            raise OutputError("no room; make some")
        return write_group(tree, files, *rest)

    with OutputTree(tmp_path, create=True) as tree:
        write_common(tree, "coco", {"coco/a.txt": b"old"})
        monkeypatch.setattr(common_files, "write_group", stop_at_lists)
        with pytest.raises(OutputError, match="no room"):
            write_common(tree, "coco", {"coco/a.txt": b"new"})
        monkeypatch.undo()
        (tmp_path / "coco" / "a.txt").write_bytes(written)
        write_common(tree, "coco", {"coco/a.txt": b"newest"})
    assert (tmp_path / "coco" / "a.txt").read_bytes() == b"newest"


def test_files_of_an_older_m2fp_are_replaced_and_never_removed(parsed):
    output, tasks = parsed
    pairs = export(output, tasks) / "test_pairs.txt"
    (output / files_name("viton-hd")).write_text(
        '{"files": ["viton-hd/manifest.json", "viton-hd/test_pairs.txt"]}'
    )
    pairs.write_text("older\n")
    export(output, tasks, "train")
    assert pairs.read_text() == "older\n"
    export(output, tasks)
    assert pairs.read_text() == PAIRS
