"""Files that a killed run, a dead worker or a run asked to end has written: whose they are."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.report import PhotoSeconds, done_report
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.writing import write_group
from tests.support.killed_run import begin_and_die, run
from tests.support.marks import needs_marks
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, ScriptedWorker, tree_of, write_photos


class CrowdWorker(ScriptedWorker):
    def save(self, task, computed):
        if self._job.setting == "small":
            raise ImageError("too_large", "is too large")
        names = [f"masks/{task.key}/{n}.png" for n in range(2)]
        data = computed.encode()
        written = write_group(self._tree, [(name, data) for name in names], task.may_replace)
        return done_report(task, written, (48, 64), 2, PhotoSeconds(), "")


class Crowd(ScriptedJob):
    """Writes a file for each of two people, which no list of its targets names."""

    def targets(self, task):
        return (f"masks/{task.key}/",)

    def build_worker(self, threads):
        return CrowdWorker(self)


def mask_crowd(folder: Path, setting: str, *, overwrite: bool = False) -> RunReport:
    scan = find_images([folder / "photos"], output=folder / "out")
    job, options = (
        Crowd(folder / "out", setting=setting),
        RunOptions(workers=1, overwrite=overwrite),
    )
    return run_batch(scan, job, options, SilentProgress())


@pytest.fixture
def third_mask(tmp_path):
    """A mask that a killed run has written, and the next one will not."""
    write_photos(tmp_path / "photos", ["ok"])
    begin_and_die(tmp_path, "0000", marking=True, wrote={"masks/0000/2.png": b"killed"})
    return tmp_path / "out" / "masks" / "0000" / "2.png"


@needs_marks
@pytest.mark.parametrize("before", ["nothing", "other settings"])
@pytest.mark.parametrize("fails", [True, False])
def test_of_what_a_killed_run_wrote_nothing_is_left(tmp_path, before, fails):
    write_photos(tmp_path / "photos", ["ok"])
    if before != "nothing":
        mask_crowd(tmp_path, before)
    wrote = {f"masks/0000/{n}.png": b"killed" for n in range(3)}
    begin_and_die(tmp_path, "0000", marking=True, wrote=wrote)
    if fails:
        assert [one.reason for one in mask_crowd(tmp_path, "small").failures] == ["too_large"]
        assert len(tree_of(tmp_path / "out")) == 3
    assert mask_crowd(tmp_path, "four").failures == []
    written = tree_of(tmp_path / "out")
    assert list(written) == list(wrote)[:2]
    assert all(b" four " in data for data in written.values())
    assert list(history_of(tmp_path / "out").entries["0000"].report.files) == list(wrote)[:2]


@needs_marks
def test_what_a_killed_run_wrote_goes_although_all_may_be_replaced(tmp_path, third_mask):
    own = third_mask.with_name("own.png")
    own.write_bytes(b"painted by hand")
    assert mask_crowd(tmp_path, "two", overwrite=True).failures == []
    assert sorted(path.name for path in own.parent.iterdir()) == ["0.png", "1.png", "own.png"]


@needs_marks
def test_what_somebody_adds_beside_what_a_killed_run_wrote_stays(tmp_path, third_mask):
    third_mask.write_bytes(b"painted by hand")
    assert [one.reason for one in mask_crowd(tmp_path, "two").failures] == ["conflict"]
    assert third_mask.read_bytes() == b"painted by hand"


class StuckWorker(ScriptedWorker):
    def save(self, task, computed):
        super().save(task, computed)
        task.source.with_suffix(".saved").touch()
        while not task.source.with_suffix(".asked").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)


class Stuck(ScriptedJob):
    """Its worker has written all files of a photo, and dies once the run was asked to end."""

    def build_worker(self, threads):
        return StuckWorker(self)


class Impatient(SilentProgress):
    """Asks a run to end, once or twice, when the files of a photo are written."""

    def __init__(self, photo: Path, times: int) -> None:
        self._photo, self._times = photo, times

    def tick(self):
        if self._photo.with_suffix(".saved").exists():
            for _ in range(self._times):
                os.kill(os.getpid(), signal.SIGTERM)
            self._photo.with_suffix(".asked").touch()


@pytest.mark.parametrize("times", [1, 2], ids=["its worker dies", "it is ended by force"])
@pytest.mark.parametrize("before", ["nothing", "other settings"])
def test_what_a_run_wrote_when_it_was_asked_to_end_is_still_its_own(tmp_path, before, times):
    (photo,) = write_photos(tmp_path / "photos", ["ok"])
    if before != "nothing":
        run(tmp_path, before)
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    job, progress = Stuck(tmp_path / "out", setting="two"), Impatient(photo, times)
    asked = run_batch(scan, job, RunOptions(workers=1), progress)
    assert (asked.ended_by, len(asked.photos)) == (signal.SIGTERM, 0)
    assert all(b"two" in data for data in tree_of(tmp_path / "out").values())
    assert run(tmp_path, "three").exit_code == 0
    assert all(b"three" in data for data in tree_of(tmp_path / "out").values())


def test_what_a_dead_worker_wrote_is_still_its_own_when_the_run_ends_before_it_is_tried_again(
    tmp_path,
):
    (photo, _) = write_photos(tmp_path / "photos", ["die-once-saved", "sleep 1"])
    scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
    progress = Impatient(photo, 1)
    report = run_batch(scan, ScriptedJob(tmp_path / "out"), RunOptions(workers=1), progress)
    assert "0000" not in [one.key for one in report.photos]
    assert len(tree_of(tmp_path / "out")) > 1
    assert run(tmp_path, "two").exit_code == 0
