"""Results that somebody changed: no run replaces them, and no pruning removes them."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import pytest

from m2fp_cli.batch.edits import find_edited
from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.prune import prune_output
from m2fp_cli.batch.report import UNKNOWN_CHECKSUM, ImageReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.targets import reclaim
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.edits import OwnFiles, refuse_edited
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.hostile_folders import without_rights
from tests.support.marks import needs_marks
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, ScriptedWorker, write_photos


def run(folder: Path, setting: str = "one", **options: object) -> RunReport:
    scan = find_images([folder / "photos"], output=folder / "out")
    run_options = RunOptions(**{"workers": 1, **options})  # type: ignore[arg-type]
    return run_batch(
        scan, ScriptedJob(folder / "out", setting=setting), run_options, SilentProgress()
    )


@pytest.fixture
def corrected(tmp_path):
    """Three photos are done, and a label map was corrected."""
    write_photos(tmp_path / "photos", ["ok"] * 3)
    run(tmp_path)
    label_map = sorted((tmp_path / "out" / "labels").iterdir())[1]
    label_map.write_bytes(b"corrected by hand")
    return label_map


@pytest.mark.parametrize("options", [{"setting": "two"}, {"rerun": Rerun.ALL}])
def test_a_corrected_file_stays_and_all_else_is_done_again(tmp_path, corrected, options):
    report = run(tmp_path, **options)
    (failed,) = report.failures
    assert failed.reason == "conflict"
    assert failed.message.startswith(f"labels/{corrected.name} was changed since m2fp wrote it")
    assert report.exit_code == 3
    assert corrected.read_bytes() == b"corrected by hand"
    assert sum(one.attempts == 1 and one.status.is_good for one in report.photos) == 2


class Collecting(ScriptedJob):
    """Writes one picture more for each setting, beside those that are there."""

    def targets(self, task):
        return (f"variants/{task.key}/{self.setting}.png",)


def collect(folder: Path, setting: str, **options: object) -> RunReport:
    scan = find_images([folder / "photos"], output=folder / "out")
    job = Collecting(folder / "out", setting=setting, name="variants")
    run_options = RunOptions(**{"workers": 1, **options})  # type: ignore[arg-type]
    return run_batch(scan, job, run_options, SilentProgress())


def test_a_retouched_picture_that_stays_anyway_is_in_nobodys_way(tmp_path):
    (photo,) = write_photos(tmp_path / "photos", ["ok"])
    assert collect(tmp_path, "one").exit_code == 0
    (first,) = (tmp_path / "out" / "variants" / "0000").iterdir()
    first.write_bytes(b"retouched")
    assert collect(tmp_path, "two").exit_code == 0
    assert len(list(first.parent.iterdir())) == 2
    first.write_bytes(b"retouched again")
    photo.write_text("ok ")  # of another photo nothing stays
    assert collect(tmp_path, "three").exit_code == 3
    assert first.read_bytes() == b"retouched again"


def test_a_retouched_picture_that_stayed_once_is_not_replaced_later(tmp_path):
    write_photos(tmp_path / "photos", ["ok"])
    collect(tmp_path, "one")
    (first,) = (tmp_path / "out" / "variants" / "0000").iterdir()
    first.write_bytes(b"retouched")
    assert collect(tmp_path, "two").exit_code == 0
    for _ in range(2):
        (failed,) = collect(tmp_path, "one").failures
        assert failed.message.startswith("variants/0000/one.png was changed since")
        assert first.read_bytes() == b"retouched"
    write_photos(tmp_path / "photos", ["ok "])  # of another photo nothing stays
    assert collect(tmp_path, "three").exit_code == 3
    assert first.read_bytes() == b"retouched"


class Correcting(SilentProgress):
    """Somebody corrects files when a run has planned what it does."""

    def __init__(self, *files: Path) -> None:
        self._files = files

    def start(self, total):
        for file in self._files:
            file.write_bytes(b"corrected meanwhile")


def test_a_file_that_is_corrected_while_the_run_goes_on_stays(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 2)
    run(tmp_path)
    label_map = tmp_path / "out" / "labels" / "0000.png"
    result = tmp_path / "out" / "results" / "0000.json"
    before = result.read_bytes()
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job = ScriptedJob(tmp_path / "out", setting="two")
    for progress in (Correcting(label_map), SilentProgress()):  # nor does the run after it
        (failed,) = run_batch(scan, job, RunOptions(workers=1), progress).failures
        assert failed.reason == "conflict"
        assert failed.message.startswith("labels/0000.png was changed since")
        assert label_map.read_bytes() == b"corrected meanwhile"
        assert result.read_bytes() == before


def test_a_file_that_is_corrected_while_the_run_goes_on_is_not_removed(tmp_path):
    (photo,) = write_photos(tmp_path / "photos", ["ok"])
    collect(tmp_path, "one")
    (first,) = (tmp_path / "out" / "variants" / "0000").iterdir()
    photo.write_text("ok ")  # of another photo nothing stays
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job = Collecting(tmp_path / "out", setting="two", name="variants")
    assert run_batch(scan, job, RunOptions(workers=1), Correcting(first)).exit_code == 0
    assert first.read_bytes() == b"corrected meanwhile"
    (failed,) = collect(tmp_path, "one").failures
    assert failed.message.startswith("variants/0000/one.png was changed since")


def test_what_a_worker_wrote_before_it_died_is_not_taken_for_an_edit(tmp_path):
    (photo,) = write_photos(tmp_path / "photos", ["ok"])
    run(tmp_path)
    photo.write_text("die-saved")
    (failed,) = run(tmp_path).failures
    assert failed.reason == "crash"
    photo.write_text("ok")
    assert run(tmp_path, "two").exit_code == 0


class Retouching(SilentProgress):
    """Somebody changes what a worker wrote before it died, before the photo is tried again."""

    def __init__(self, file: Path, mark: Path) -> None:
        self._file, self._mark = file, mark
        self._has_died = False

    def detail(self, line):
        self._has_died = self._has_died or "died" in line

    def tick(self):
        if self._has_died and not self._mark.exists():
            self._file.write_bytes(b"corrected")
            self._mark.touch()


def test_what_is_corrected_before_a_photo_is_tried_again_stays(tmp_path):
    write_photos(tmp_path / "photos", ["die-once-saved", "await corrected"])
    label_map, diary = tmp_path / "out" / "labels" / "0000.png", tmp_path / "diary"
    diary.mkdir()
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job, progress = (
        ScriptedJob(tmp_path / "out", diary=diary),
        Retouching(label_map, diary / "corrected"),
    )
    (failed,) = run_batch(scan, job, RunOptions(workers=1), progress).failures
    assert failed.message.startswith("labels/0000.png was changed since")
    assert label_map.read_bytes() == b"corrected"


def test_what_a_photo_that_was_given_up_left_is_not_replaced_once_corrected(tmp_path):
    (photo,) = write_photos(tmp_path / "photos", ["die-saved"])
    assert run(tmp_path).failures[0].reason == "crash"
    label_map = tmp_path / "out" / "labels" / "0000.png"
    label_map.write_bytes(b"corrected")
    photo.write_text("ok")
    (failed,) = run(tmp_path, "two").failures
    assert failed.message.startswith("labels/0000.png was changed since")
    assert label_map.read_bytes() == b"corrected"


@needs_marks
@pytest.mark.parametrize("by", ["writing into it", "a new file"])
def test_what_was_corrected_before_its_worker_died_stays(tmp_path, by):
    names = ("labels/a.png", "results/a.json")
    with OutputTree(tmp_path, create=True) as tree:
        own = OwnFiles({f.name: f.checksum for f in write_group(tree, [(n, b"1") for n in names])})
        if by == "a new file":
            (tmp_path / names[0]).unlink()
        (tmp_path / names[0]).write_bytes(b"corrected")
        write_group(tree, [(names[1], b"2")], own)  # before it died
        task = ImageTask("a.jpg", "a", may_replace=own)
        again = reclaim(ScriptedJob(tmp_path), tree, task, is_dead=True).may_replace
    assert again == {names[0]: own[names[0]], names[1]: zlib.crc32(b"2")}


@needs_marks
def test_a_picture_that_a_killed_run_made_again_is_nobodys_edit(tmp_path):
    write_photos(tmp_path / "photos", ["ok"])
    collect(tmp_path, "one")
    (picture,) = (tmp_path / "out" / "variants" / "0000").iterdir()
    with OutputTree(tmp_path / "out") as tree:
        writer = ManifestWriter(tree, manifest_name("variants"), marking=True)
        writer.start({"setting": "killed"}, 1, 1)
        writer.claim(["0000"])
        writer.close()
        write_group(tree, [(f"variants/0000/{picture.name}", b"made again")], None)
    assert [collect(tmp_path, setting).exit_code for setting in ("two", "one")] == [0, 0]


class HalfwayWorker(ScriptedWorker):
    def save(self, task, computed):
        super().save(task, computed)
        raise ImageError("too_large", "is too large")


class Halfway(ScriptedJob):
    """Fails when some files of a photo are replaced."""

    def build_worker(self, threads):
        return HalfwayWorker(self)


def test_what_was_written_before_the_work_failed_is_not_taken_for_an_edit(tmp_path):
    write_photos(tmp_path / "photos", ["ok"])
    run(tmp_path)
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job = Halfway(tmp_path / "out", setting="two")
    (failed,) = run_batch(scan, job, RunOptions(workers=1), SilentProgress()).failures
    assert failed.reason == "too_large"
    assert run(tmp_path, "three").exit_code == 0


def test_moved_away_it_is_made_anew_and_with_overwrite_it_is_replaced(tmp_path, corrected):
    assert run(tmp_path, "two", overwrite=True).exit_code == 0
    assert b"two" in corrected.read_bytes()
    corrected.write_bytes(b"corrected again")
    assert run(tmp_path, "three").exit_code == 3
    corrected.rename(tmp_path / "mine.png")
    assert run(tmp_path, "three").exit_code == 0
    assert b"three" in corrected.read_bytes()


def test_a_copied_output_is_as_it_was(tmp_path):
    write_photos(tmp_path / "photos", ["ok"] * 3)
    run(tmp_path)
    shutil.copytree(tmp_path / "out", tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "copy").rename(tmp_path / "out")
    assert run(tmp_path, "two").exit_code == 0


@pytest.mark.parametrize("checksums", [(), (UNKNOWN_CHECKSUM, UNKNOWN_CHECKSUM)])
def test_what_no_manifest_knows_the_bytes_of_counts_as_unchanged(tmp_path, corrected, checksums):
    entry = history_of(tmp_path / "out").entries[corrected.stem]
    with OutputTree(tmp_path / "out") as tree:
        assert list(find_edited(tree, entry)) == [f"labels/{corrected.name}"]
        older = entry._replace(report=entry.report._replace(checksums=checksums))
        assert not list(find_edited(tree, older))


def replaced_by_a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("elsewhere.png")


def closed_by_another(file: Path) -> None:
    file.write_bytes(b"corrected")
    file.chmod(0)


@pytest.mark.parametrize("change", [replaced_by_a_link, closed_by_another])
def test_what_cannot_be_compared_is_not_taken_for_ours(change):
    with without_rights() as folder, OutputTree(folder / "out", create=True) as tree:
        (written,) = write_group(tree, [("labels/a.png", b"ours")])
        report = ImageReport("/gone/a.jpg", "a", Status.DONE, files=(written.name,))
        entry = Entry(report._replace(checksums=(written.checksum,)), (), "", "", 0.0)
        assert not list(find_edited(tree, entry))
        change(folder / "out" / written.name)
        assert list(find_edited(tree, entry)) == [written.name]
        with pytest.raises(ConflictError, match="was changed since m2fp wrote it"):
            refuse_edited(tree, [written.name], OwnFiles({written.name: written.checksum}))


def test_pruning_removes_what_is_as_it_was_written(tmp_path, corrected):
    for photo in sorted((tmp_path / "photos").iterdir())[:2]:
        photo.unlink()
    with OutputTree(tmp_path / "out") as tree:
        pruned = prune_output(tree, remove=True)
    assert pruned.edited == [f"labels/{corrected.name}"]
    assert len(pruned.removed) == 3
    assert corrected.read_bytes() == b"corrected by hand"
    assert any("kept, as it was changed" in line for line in pruned.lines())
