from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from m2fp_cli.batch import deaths
from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.pool import Pool
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.worker_handle import WorkerHandle
from m2fp_cli.errors import M2fpError, ModelError, OutputError
from m2fp_cli.storage.tree import OutputTree
from tests.support.fork_servers import fresh_fork_server
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, tree_of, write_photos


@pytest.fixture(scope="module", autouse=True)
def plain_fork_server():
    with fresh_fork_server():
        yield


PATIENT = PoolLimits(photo_seconds=60.0)


class Trial:
    """A pool over scripted photos in a temporary folder."""

    def __init__(self, folder: Path, scripts: list[str], *, workers: int = 2, **job: object):
        self.photos = write_photos(folder / "photos", scripts)
        self.output = folder / "out"
        self.output.mkdir()
        self.diary = folder / "diary"
        self.diary.mkdir()
        self.job = ScriptedJob(self.output, diary=self.diary, **job)  # type: ignore[arg-type]
        self.switch = StopSwitch()
        self.notes: list[str] = []
        self.workers = workers

    def run(self, limits: PoolLimits = PATIENT) -> list[ImageReport]:
        return self.run_on([ImageTask(str(path), path.stem) for path in self.photos], limits)

    def run_on(
        self, tasks: Iterable[ImageTask | None], limits: PoolLimits = PATIENT
    ) -> list[ImageReport]:
        return [outcome.report for outcome in self.outcomes_of(tasks, limits)]

    def outcomes_of(
        self, tasks: Iterable[ImageTask | None], limits: PoolLimits = PATIENT
    ) -> list[Outcome]:
        plan = PoolPlan(self.workers, 1, "as a test wants")
        pool = Pool(self.job, plan, limits, self.switch, self.notes.append, OutputTree(self.output))
        return [one for one in pool.run(tasks) if isinstance(one, Outcome)]

    def run_all(self) -> list[ImageReport]:
        """With all that stands around a pool: lock, manifest, clean-up."""
        scan = find_images([self.photos[0].parent], output=self.output)
        options = RunOptions(workers=self.workers, photo_seconds=60.0)
        return list(run_batch(scan, self.job, options, SilentProgress()).photos)

    def pids(self) -> list[int]:
        return [int(path.stem) for path in self.diary.glob("*.pid")]

    def stages(self) -> dict[tuple[str, str], tuple[float, float]]:
        lines = (line.split() for line in (self.diary / "stages.txt").read_text().splitlines())
        return {(stage, key): (float(start), float(end)) for stage, key, start, end in lines}

    def temporaries(self) -> list[Path]:
        return list(self.output.rglob(".m2fp-*.tmp"))


def by_name(reports: list[ImageReport]) -> dict[str, tuple[str, str, int]]:
    return {Path(r.source).stem: (r.status.value, r.reason, r.attempts) for r in reports}


def test_every_photo_gets_its_one_outcome(tmp_path):
    scripts = ["ok", "bad", "error", "memory", "folder", "sleep 0.1", "ok"]
    trial = Trial(tmp_path, scripts)
    reports = trial.run()
    assert len(reports) == len(scripts)
    assert trial.notes == []  # who is let go has not died
    assert by_name(reports) == {
        "0000": ("done", "", 1),
        "0001": ("failed", "corrupt", 1),
        "0002": ("failed", "internal", 1),
        "0003": ("failed", "out_of_memory", 1),
        "0004": ("failed", "unwritable", 1),
        "0005": ("done", "", 1),
        "0006": ("done", "", 1),
    }


def test_who_kills_its_process_twice_is_quarantined_and_nobody_else(tmp_path):
    scripts = ["ok"] * 8
    scripts[1], scripts[3], scripts[4], scripts[6] = "crash", "crash-load", "exit", "crash-once"
    trial = Trial(tmp_path, scripts)
    reports = trial.run()
    found = by_name(reports)
    assert len(reports) == len(scripts)
    assert found["0001"] == found["0003"] == found["0004"] == ("quarantined", "crash", 2)
    assert found["0006"] == ("done", "", 2)
    assert all(found[name][0] == "done" for name in ("0000", "0002", "0005", "0007"))
    messages = {Path(report.source).stem: report.message for report in reports}
    assert messages["0001"] == "its process ended with SIGSEGV"
    assert messages["0004"] == "its process ended with exit code 3"


@pytest.mark.slow
def test_a_photo_that_hangs_is_killed_twice_and_quarantined(tmp_path):
    reports = Trial(tmp_path, ["ok", "hang-load", "ok"]).run(PoolLimits(photo_seconds=3.0))
    assert by_name(reports)["0001"] == ("quarantined", "timeout", 2)
    assert {name for name, (status, *_) in by_name(reports).items() if status == "done"} == {
        "0000",
        "0002",
    }


@pytest.mark.slow
def test_what_holds_a_worker_up_is_said_once_and_counts_against_no_photo(tmp_path):
    trial = Trial(tmp_path, ["held-up 5", "held-up 2"], workers=1)
    reports = trial.run(PoolLimits(photo_seconds=3.0))
    assert by_name(reports) == {"0000": ("done", "", 1), "0001": ("done", "", 1)}
    assert trial.notes == ["held up"]


def test_one_photo_is_loaded_and_one_saved_while_one_is_worked_on(tmp_path):
    """Each photo's work ends only when the next is being loaded and the one before saved."""
    reports = Trial(tmp_path, ["meet"] * 5 + ["ok"], workers=1).run()
    assert by_name(reports) == {f"{number:04d}": ("done", "", 1) for number in range(6)}


def test_no_worker_takes_a_photo_ahead_while_another_has_none(tmp_path):
    trial = Trial(tmp_path, ["sleep 1"] * 2)
    trial.run()
    assert len(trial.pids()) == 2


def test_a_worker_that_is_still_being_built_gets_its_photo(tmp_path):
    trial = Trial(tmp_path, ["await compute-0001", "ok"], boot="late-second")
    reports = trial.run(PoolLimits(photo_seconds=20.0))
    assert [report.status for report in reports] == [Status.DONE] * 2
    assert trial.notes == []


def test_who_cannot_be_built_leaves_the_work_to_who_is_there(tmp_path):
    trial = Trial(tmp_path, ["await second", "sleep 1", "ok"], boot="refuse-second")
    assert [report.status for report in trial.run()] == [Status.DONE] * 3
    assert trial.notes == ["going on with 1 worker: the model is damaged"]


def test_memory_that_was_used_up_twice_is_left_to_one_worker_less(tmp_path, monkeypatch):
    monkeypatch.setattr(deaths, "count_oom_kills", itertools.count().__next__)
    trial = Trial(tmp_path, ["crash-once", "ok", "crash-once"])
    reports = trial.run()
    assert [report.status for report in reports] == [Status.DONE] * 3
    assert "memory was used up 2 times; going on with 1 worker" in trial.notes


def test_suspects_are_tried_with_nothing_else_going_on(tmp_path):
    trial = Trial(tmp_path, ["ok"] * 4 + ["crash-once"] + ["ok"] * 8, stage_seconds=0.02)
    assert_suspects_alone(trial, trial.run(), "0004")


def test_photos_that_come_while_a_suspect_is_tried_wait_for_its_end(tmp_path):
    trial = Trial(tmp_path, ["crash-once"] + ["ok"] * 4, stage_seconds=0.2)
    first, *others = (ImageTask(str(path), path.stem) for path in trial.photos)

    def come():
        yield first
        while not first.source.with_suffix(".tried").exists():
            yield None
        (trial.diary / "load-0000").unlink()
        while not (trial.diary / "load-0000").exists():  # again
            yield None
        yield from others

    assert_suspects_alone(trial, trial.run_on(come()), "0000")


def assert_suspects_alone(trial: Trial, reports: list[ImageReport], suspect: str) -> None:
    assert len(reports) == len(trial.photos)
    assert all(report.status is Status.DONE for report in reports)
    stages = trial.stages()
    spans = {
        report.key: (stages["load", report.key][0], stages["save", report.key][1])
        for report in reports
    }
    suspects = [report.key for report in reports if report.attempts == 2]
    assert suspect in suspects
    for key in suspects:
        start, end = spans.pop(key)
        assert all(other_end <= start or other >= end for other, other_end in spans.values())


def test_a_worker_that_cannot_be_built_ends_the_run_with_its_own_error(tmp_path):
    with pytest.raises(ModelError, match="the model is damaged"):
        Trial(tmp_path, ["ok"], boot="refuse").run()


def test_workers_that_die_while_they_start_end_the_run(tmp_path):
    with pytest.raises(M2fpError, match=r"worker processes cannot start: .*SIGSEGV"):
        Trial(tmp_path, ["ok"] * 3, boot="crash").run()


def test_a_full_disk_ends_the_run_at_once(tmp_path):
    trial = Trial(tmp_path, ["ok"] * 3 + ["full"] + ["sleep 1"] * 40, workers=1)
    with pytest.raises(OutputError, match="the disk is full"):
        trial.run()
    assert len(tree_of(trial.output)) < 20


@pytest.mark.slow
def test_a_worker_whose_memory_grows_is_replaced(tmp_path):
    # With three photos in hand the fifth, the last that warms up, is measured with seven at most;
    # two more exceed the limit, so the ninth at the latest leaves the twelfth to another worker.
    trial = Trial(tmp_path, ["ok"] * 12, workers=1, grow_bytes=60_000_000)
    reports = trial.run(PoolLimits(photo_seconds=60.0, growth_bytes=100_000_000))
    assert len(reports) == 12
    assert all(report.status is Status.DONE for report in reports)
    assert all(report.attempts == 1 for report in reports)
    assert "has grown to" in trial.notes[0]
    assert len(trial.pids()) >= 2


def test_draining_finishes_what_is_worked_on_and_starts_nothing(tmp_path):
    trial = Trial(tmp_path, ["sleep 0.5"] * 30, workers=2)
    threading.Timer(1.5, trial.switch.drain, ["enough"]).start()
    reports = trial.run()
    assert 0 < len(reports) < 30
    assert len(tree_of(trial.output)) == 2 * len(reports)
    assert all(report.status is Status.DONE for report in reports)


def test_the_fork_server_has_one_thread(tmp_path):
    trial = Trial(tmp_path, ["ok"])
    trial.run()
    from multiprocessing import forkserver

    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    assert len([*Path(f"/proc/{pid}/task").iterdir()]) == 1


def test_no_process_is_left_behind(tmp_path):
    trial = Trial(tmp_path, ["ok", "crash", "ok"])
    trial.run()
    assert not [pid for pid in trial.pids() if Path(f"/proc/{pid}").exists()]


def storm(trial: Trial, every_seconds: float, seed: int) -> tuple[list[ImageReport], int]:
    """Run a trial while a random worker is killed again and again, whatever it does just now.

    After the second kill ``raged`` lies in the diary, for a photo that waits for it.
    """
    over, kills, rng = threading.Event(), 0, random.Random(seed)

    def rage() -> None:
        nonlocal kills
        while not over.wait(every_seconds):
            alive = [pid for pid in trial.pids() if Path(f"/proc/{pid}/exe").exists()]
            if alive:
                try:
                    os.kill(rng.choice(sorted(alive)), signal.SIGKILL)
                    kills += 1
                    if kills == 2:
                        (trial.diary / "raged").touch()
                except ProcessLookupError:
                    pass

    thread = threading.Thread(target=rage)
    thread.start()
    try:
        return trial.run_all(), kills
    finally:
        over.set()
        thread.join()


def test_a_photo_whose_worker_dies_after_it_wrote_is_done_again(tmp_path):
    trial = Trial(tmp_path, ["ok", "die-once-saved", "ok"])
    assert by_name(trial.run())["0001"] == ("done", "", 2)


def test_the_files_of_a_photo_that_is_given_up_stay_its_own(tmp_path):
    trial = Trial(tmp_path, ["die-saved"])
    [report] = trial.run_all()
    assert report.status is Status.QUARANTINED
    assert report.files == ("labels/0000.png", "results/0000.json")
    write_photos(trial.photos[0].parent, ["ok"])
    assert by_name(trial.run_all())["0000"] == ("done", "", 1)


def test_a_fork_server_that_is_killed_is_started_again(tmp_path):
    from multiprocessing import forkserver

    trial = Trial(tmp_path, ["await raged"] * 2 + ["ok"] * 4)

    def kill_the_server() -> None:
        while not trial.pids():
            time.sleep(0.05)
        os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
        (trial.diary / "raged").touch()

    thread = threading.Thread(target=kill_the_server)
    thread.start()
    reports = trial.run()
    thread.join()
    assert [report.status for report in reports] == [Status.DONE] * 6
    until = time.monotonic() + 10  # the kernel ends the old workers, nobody waits for them
    while [pid for pid in trial.pids() if Path(f"/proc/{pid}/exe").exists()]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_suspect_is_not_tried_in_a_worker_that_saw_another_die(tmp_path):
    trial = Trial(tmp_path, ["crash-once", "ok"])
    tasks = [ImageTask(str(path), path.stem) for path in trial.photos]
    witness, retried = sorted(trial.outcomes_of(tasks), key=lambda one: one.report.attempts)
    assert (witness.report.attempts, retried.report.attempts) == (1, 2)
    assert witness.worker != retried.worker


def test_a_worker_for_a_suspect_is_started_when_no_other_is_there(tmp_path, monkeypatch):
    trial = Trial(tmp_path, ["crash-once", "ok"])
    beside: list[int] = []

    class Counted(WorkerHandle[ImageTask]):
        def __init__(self, *args):
            beside.append(sum(Path(f"/proc/{pid}/exe").exists() for pid in trial.pids()))
            super().__init__(*args)

    monkeypatch.setattr("m2fp_cli.batch.pool.WorkerHandle", Counted)
    assert by_name(trial.run())["0000"] == ("done", "", 2)
    assert beside[2:] == [0]


def test_a_long_temporary_folder_leaves_room_for_sockets(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 60) / ("y" * 60)
    long.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    process = multiprocessing.current_process()
    monkeypatch.delitem(
        process._config,  # type: ignore[attr-defined]
        "tempdir",
        raising=False,
    )
    with fresh_fork_server():
        assert [report.status for report in Trial(tmp_path, ["ok"]).run()] == [Status.DONE]


def check_storm(trial: Trial, reports: list[ImageReport]) -> None:
    assert sorted(Path(r.source) for r in reports) == sorted(trial.photos)
    done = {report.key for report in reports if report.status is Status.DONE}
    quarantined = {report.key for report in reports if report.status is Status.QUARANTINED}
    assert len(done) + len(quarantined) == len(trial.photos)
    for name in done:
        assert (trial.output / "labels" / f"{name}.png").read_text().endswith(f"one {name!a}\n")
    assert not trial.temporaries()
    assert done <= {Path(name).stem for name in tree_of(trial.output)} <= done | quarantined
    assert len(history_of(trial.output).entries) == len(trial.photos)


@pytest.mark.slow
def test_a_storm_loses_no_photo(tmp_path):
    trial = Trial(tmp_path, ["await raged"] + ["ok"] * 29, stage_seconds=0.02)
    reports, kills = storm(trial, 0.3, seed=1)
    check_storm(trial, reports)
    assert kills >= 2


@pytest.mark.long
def test_the_whole_storm(tmp_path):
    """300 photos of 0.5 s, a worker that takes 0.5 s to start, one killed every half second."""
    trial = Trial(tmp_path, ["sleep 0.5"] * 300, boot="sleep 0.5")
    started = time.monotonic()
    reports, kills = storm(trial, 0.5, seed=1)
    counts = [sum(r.status is status for r in reports) for status in Status]
    print(f"{kills} kills in {time.monotonic() - started:.0f} s, {counts} of {[*Status]}")
    check_storm(trial, reports)
    assert kills > 50
