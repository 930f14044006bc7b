"""Photos that are gone: forgotten, and their results removed when that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.prune import Pruned, prune_output
from m2fp_cli.batch.shard import Shard
from m2fp_cli.cli import app
from m2fp_cli.errors import OutputError, OutputLockedError
from m2fp_cli.storage.tree import OutputTree
from tests.support.hostile_folders import without_rights
from tests.support.outputs import history_of, manifest_path
from tests.support.parsed_tree import make_tree
from tests.support.scripted import tree_of


def prune(output: Path, *, remove: bool) -> Pruned:
    with OutputTree(output) as tree:
        return prune_output(tree, remove=remove)


def test_a_deleted_photo_is_forgotten_and_its_results_stay(tmp_path):
    photos, output = make_tree(tmp_path, ("a", "sub/b"), failed=("torn",))
    (photos / "sub" / "b.png").unlink()
    (photos / "sub").rmdir()
    before = tree_of(output)
    pruned = prune(output, remove=False)
    assert pruned.photos == [str(photos / "sub" / "b.png"), str(photos / "torn.png")]
    assert set(history_of(output).entries) == {"a"}
    assert history_of(output).left() == 0
    assert tree_of(output) == before
    assert prune(output, remove=True).photos == []


def test_results_are_removed_when_asked_and_nobody_elses_files(tmp_path):
    photos, output = make_tree(tmp_path, ("a", "sub/b"), save=("labels", "masks", "json"))
    own = output / "masks" / "sub" / "b" / "mine.txt"
    own.write_text("mine")
    for name in ("a.png", "sub/b.png"):
        (photos / name).unlink()
    (photos / "new.png").touch()
    pruned = prune(output, remove=True)
    assert tree_of(output) == {"masks/sub/b/mine.txt": b"mine"}
    assert len(pruned.removed) == len(set(pruned.removed)) > 4
    assert [path.name for path in (output / "masks").iterdir()] == ["sub"]


@pytest.mark.parametrize("is_left", [True, False], ids=["an empty folder", "no folder"])
def test_a_disk_that_is_not_mounted_loses_nothing(tmp_path, is_left):
    photos, output = make_tree(tmp_path, ("a", "b"))
    before = tree_of(output)
    photos.rename(tmp_path / "away")
    if is_left:
        photos.mkdir()
    pruned = prune(output, remove=True)
    assert (pruned.photos, pruned.absent) == ([], {str(photos): 2})
    assert tree_of(output) == before
    assert set(history_of(output).entries) == {"a", "b"}
    assert f"{photos} is missing or empty" in "\n".join(pruned.lines())


def test_a_folder_that_may_not_be_read_hides_no_photo_for_ever():
    with without_rights() as folder:
        photos, output = make_tree(folder, ("a", "locked/b"))
        (photos / "locked").chmod(0)
        try:
            assert prune(output, remove=True).photos == []
        finally:
            (photos / "locked").chmod(0o777)


def test_a_file_that_cannot_be_removed_keeps_its_photo_known():
    with without_rights() as folder:
        photos, output = make_tree(folder, ("a", "b"))
        (photos / "b.png").unlink()
        (output / "labels").chmod(0o555)
        pruned = prune(output, remove=True)
        assert (pruned.photos, pruned.stuck) == ([], ["labels/b.png"])
        (output / "labels").chmod(0o777)
        assert prune(output, remove=True).photos == [str(photos / "b.png")]


def test_an_output_that_cannot_be_changed_is_told_of_without_another_place():
    with without_rights() as folder:
        photos, output = make_tree(folder, ("a", "b"))
        (photos / "b.png").unlink()
        output.chmod(0o555)
        with pytest.raises(OutputError) as caught:
            prune(output, remove=False)
        said = f"{output} cannot be changed: permission denied; --prune rewrites its manifests"
        assert str(caught.value) == said


def test_a_manifest_owns_no_other_photos_files_and_none_outside(tmp_path):
    photos, output = make_tree(tmp_path, ("a", "b"))
    path = manifest_path(output, "parse")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for name in ("labels/a.png", ".m2fp/lock", "labels/../../photos/a.png", "report.html"):
        lines[-1]["files"] = [name]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert set(history_of(output).entries) == {"a"}, name
    (photos / "b.png").unlink()
    prune(output, remove=True)
    assert (output / "labels" / "a.png").exists()
    assert (photos / "a.png").exists()


@pytest.mark.slow
def test_every_job_and_every_shard_is_pruned(tmp_path):
    photos, output = make_tree(tmp_path, ("a", "b"))
    assert CliRunner().invoke(app, ["colorize", str(output), "-q"]).exit_code == 0
    assert CliRunner().invoke(app, ["report", str(output), "-q"]).exit_code == 0
    manifest_path(output, "parse").rename(manifest_path(output, "parse", Shard(2, 3)))
    (photos / "b.png").unlink()
    said = CliRunner().invoke(app, ["status", str(output), "--prune", "--remove", "--json"])
    answer = json.loads(said.stdout)
    assert answer["pruned"]["photos"] == [str(photos / "b.png")]
    assert {job: one["done"] for job, one in answer["jobs"].items()} == {
        "parse": 1,
        "colorize": 1,
        "report": 1,
    }
    assert not [name for name in tree_of(output) if "/b." in name]
    assert not (output / ".m2fp" / "report" / "b.json").exists()


def test_a_data_set_is_made_once_and_pruned_like_results(tmp_path):
    photos, output = make_tree(tmp_path, ("a", "b"))
    export = ["export", str(output), "--to", "coco", "-o", str(output), "-q"]
    assert CliRunner().invoke(app, export).exit_code == 0
    assert CliRunner().invoke(app, export).exit_code == 0
    (photos / "b.png").unlink()
    removed = prune(output, remove=True).removed
    assert {".m2fp/export-coco/b.json", "labels/b.png"} < set(removed)
    assert [path.stem for path in (output / "coco" / "images" / "train").iterdir()] == ["a"]


@pytest.mark.parametrize("made", ["report", "export --to coco -o {}"])
def test_results_that_stay_are_not_in_conflict_with_what_was_hidden(tmp_path, made):
    photos, output = make_tree(tmp_path, ("a", "b"))
    words = [*made.format(output).split(), str(output)]
    assert CliRunner().invoke(app, words).exit_code == 0
    (photos / "b.png").unlink()
    pruned = prune(output, remove=False)
    assert (pruned.photos, pruned.removed) == ([str(photos / "b.png")], [])
    assert not list((output / ".m2fp").glob("*/b.json"))
    assert (output / "labels" / "b.png").exists()
    assert ".m2fp" not in CliRunner().invoke(app, words).output


def test_nothing_is_pruned_during_a_run_and_nothing_removed_by_mistake(tmp_path):
    _, output = make_tree(tmp_path)
    with OutputTree(output) as tree, hold_output(tree), pytest.raises(OutputLockedError):
        prune(output, remove=True)
    answer = CliRunner().invoke(app, ["status", str(output), "--remove"])
    assert "--remove goes with --prune" in str(answer.exception)
