"""Exports through the batch engine: names, manifest, and what happens to others' files."""

from __future__ import annotations

import json

import pytest

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportSettings
from m2fp_cli.jobs.export import ExportJob, finish_export, plain_name, settle_names
from m2fp_cli.storage.errors import ConflictError
from tests.support.parsed_tree import make_tree

VITON, DRESS = find_format("viton-hd"), find_format("dresscode")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a", "a"),
        ("sub/b", "sub__b"),
        ("my photo (2)", "my_photo__2_"),
        ("a.jpg.x", "a-jpg.x"),
        ("Grün_01", "Grün_01"),
        ("bad\udcff", "bad_"),
    ],
)
def test_names_hold_nothing_that_readers_take_apart(key, name):
    assert plain_name(key, VITON) == name
    assert "_" not in plain_name(key, DRESS)


def test_two_photos_never_share_a_name():
    keys = ["a b", "a_b", "a/b", "a__b", "a__b~2"]
    names = dict(settle_names(keys, VITON))
    found = [names.get(key) or plain_name(key, VITON) for key in keys]
    assert len(set(found)) == len(keys)
    assert settle_names(["a", "sub/b"], VITON) == ()


def names_of(keys, wanted, earlier=None):
    settled = dict(settle_names(keys, wanted, lambda shared: earlier or {}))
    return {key: settled.get(key, plain_name(key, wanted)) for key in keys}


def test_a_photo_keeps_its_name_when_another_one_comes_that_wants_it():
    assert names_of(["a b", "a_b"], VITON) == {"a b": "a_b", "a_b": "a_b~2"}
    earlier = {"a_b": "a_b"}
    assert names_of(["a b", "a_b"], VITON, earlier) == {"a b": "a_b~2", "a_b": "a_b"}
    assert names_of(["a b", "a_b"], VITON, {"a_b": "../x"})["a_b"] == "a_b~2"
    assert names_of(["a b", "a_b", "a_b~2"], VITON)["a_b"] == "a_b~3"


def test_a_name_is_free_only_if_its_mask_is(tmp_path):
    assert names_of(["x", "x_mask"], find_format("comfyui")) == {"x": "x", "x_mask": "x_mask~2"}
    assert names_of(["x", "x_mask"], VITON) == {"x": "x", "x_mask": "x_mask"}
    assert names_of(["manifest"], find_format("labelme")) == {"manifest": "manifest~2"}


def test_long_names_are_cut_and_stay_apart():
    keys = ["/".join(["d" * 40] * 20 + [name]) for name in "ab"]
    names = [plain_name(key, VITON) for key in keys]
    assert len({*names}) == 2
    assert all(len(f"{name}_p65535~99_mask.png") <= 255 for name in names)


def test_masks_keep_the_photos_folders():
    assert plain_name("sub/b c", find_format("agnostic")) == "sub/b c"


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
