"""The pool of a cluster with its own stations in this process, and a cluster that does as told."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.executor import PoolOrder
from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.report import Status
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.cluster.calls import ActorLostError
from m2fp_cli.cluster.member import SLICE, slice_size
from m2fp_cli.cluster.pool import ClusterPool
from m2fp_cli.cluster.station import Station
from m2fp_cli.errors import M2fpError, OutputError
from m2fp_cli.storage.tree import OutputTree
from tests.support.fake_cluster import FakeActor, FakeCluster, FakeExecutor, once
from tests.support.scripted import ScriptedJob, tree_of, write_photos

pytestmark = pytest.mark.slow


def run(folder: Path, scripts: list[str], cluster: FakeCluster, **job: Any) -> dict[str, Any]:
    """A whole run; the report of each photo by its key."""
    photos = write_photos(folder / "photos", scripts)
    output = folder / "out"
    scan = find_images([photos[0].parent], output=output)
    options = RunOptions(executor=FakeExecutor(cluster))
    report = run_batch(scan, ScriptedJob(output, **job), options, SilentProgress())
    return {photo.key: photo for photo in report.photos}


def test_nobody_says_that_the_mounts_of_other_machines_keep_marks(tmp_path):
    run(tmp_path, ["ok"], FakeCluster())
    with OutputTree(tmp_path / "out") as tree:
        lines = tree.read(manifest_name("parse"))
    assert b'"claims"' in lines
    assert b'"marked"' not in lines


def test_files_are_those_of_one_machine(tmp_path):
    scripts = ["ok", "bad", "ok", "crash", "ok", "error"]
    there = run(tmp_path / "a", scripts, FakeCluster())
    write_photos(tmp_path / "b" / "photos", scripts)
    scan = find_images([tmp_path / "b" / "photos"], output=tmp_path / "b" / "out")
    job = ScriptedJob(tmp_path / "b" / "out")
    here = run_batch(scan, job, RunOptions(workers=1), SilentProgress())
    assert tree_of(tmp_path / "a" / "out") == tree_of(tmp_path / "b" / "out")
    facts = {photo.key: (photo.status, photo.reason, photo.files) for photo in here.photos}
    assert {key: (one.status, one.reason, one.files) for key, one in there.items()} == facts
    assert (there["0003"].status, there["0003"].attempts) == (Status.QUARANTINED, 2)


def test_a_call_brings_a_bounded_slice_of_keys(tmp_path):
    cluster = FakeCluster()
    assert len(run(tmp_path, ["ok"] * 150, cluster)) == 150
    slices = [values[0] for method, values in cluster.calls if method == "work"]
    assert max(map(len, slices)) in range(32, SLICE + 1)
    assert sum(map(len, slices)) == 150


def test_slices_are_large_until_the_end():
    assert slice_size(100_000, 10) == SLICE
    assert slice_size(100, 10) == 5
    assert slice_size(3, 10) == 2


def test_photos_of_a_dead_machine_are_done_elsewhere(tmp_path):
    def replace_machine(cluster: FakeCluster) -> None:
        cluster.nodes = {"b"}

    cluster = FakeCluster(once("work", replace_machine), places=1)
    photos = run(tmp_path, ["ok"] * 6, cluster)
    assert {one.status for one in photos.values()} == {Status.DONE}
    assert {one.attempts for one in photos.values()} == {1}
    assert not list((tmp_path / "out" / ".m2fp").glob("*.tmp"))


def test_photos_of_a_dead_actor_are_tried_again_each_alone(tmp_path):
    cluster = FakeCluster(once("work"), places=1)
    photos = run(tmp_path, ["ok"] * 4, cluster)
    assert {one.status for one in photos.values()} == {Status.DONE}
    assert sorted(one.attempts for one in photos.values()) == [1, 1, 2, 2]
    slices = [len(values[0]) for method, values in cluster.calls if method == "work" and values[0]]
    assert slices == [2, 2, 1, 1]


def test_the_photo_that_kills_its_actor_twice_is_quarantined(tmp_path):
    def fault(_: FakeCluster, method: str, values: tuple[Any, ...]) -> ActorLostError | None:
        keys = [task.key for task in values[0]] if method == "work" else []
        return ActorLostError("no memory", out_of_memory=True) if "0001" in keys else None

    photos = run(tmp_path, ["ok"] * 4, FakeCluster(fault))
    bad = photos.pop("0001")
    assert (bad.status, bad.reason, bad.attempts) == (Status.QUARANTINED, "out_of_memory", 2)
    assert bad.files == ("labels/0001.png", "results/0001.json")
    assert {one.status for one in photos.values()} == {Status.DONE}


def test_a_photo_that_takes_machines_with_it_is_quarantined_in_the_end(tmp_path):
    def fault(cluster: FakeCluster, method: str, values: tuple[Any, ...]) -> ActorLostError | None:
        if method != "work" or "0000" not in [task.key for task in values[0]]:
            return None
        cluster.nodes = {max(cluster.nodes) + "a"}
        return ActorLostError("it is gone")

    photos = run(tmp_path, ["ok", "ok"], FakeCluster(fault, places=1))
    assert photos["0000"].status is Status.QUARANTINED
    assert photos["0001"].status is Status.DONE


def test_machines_that_join_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr("m2fp_cli.cluster.pool._ROOM_SECONDS", 0.0)

    def grow(cluster: FakeCluster, method: str, _: tuple[Any, ...]) -> None:
        cluster.places = 3 if method == "work" else cluster.places

    cluster = FakeCluster(grow, places=1)
    run(tmp_path, ["ok"] * 40, cluster)
    assert len(cluster.actors) == 3


@pytest.mark.parametrize("boot", ["refuse", "crash"])
def test_workers_that_cannot_start_end_the_run(tmp_path, boot):
    with pytest.raises(M2fpError, match=r"damaged|cannot start"):
        run(tmp_path, ["ok"], FakeCluster(), boot=boot)


def test_a_full_disk_ends_the_run(tmp_path):
    with pytest.raises(OutputError, match="the disk is full"):
        run(tmp_path, ["ok", "full"], FakeCluster())


def test_an_actor_that_is_starting_again_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(ClusterPool, "away_seconds", 0.0)
    left = [ActorLostError("it is restarting", away=True) for _ in range(60)]

    def fault(_: FakeCluster, method: str, _values: tuple[Any, ...]) -> ActorLostError | None:
        return left.pop() if left and method == "begin" else None

    photos = run(tmp_path, ["ok", "ok"], FakeCluster(fault, places=1))
    assert [one.status for one in photos.values()] == [Status.DONE] * 2
    assert not left


def test_actors_that_die_again_and_again_end_the_run(tmp_path):
    cluster = FakeCluster(lambda *_: ActorLostError("no such file"))
    with pytest.raises(M2fpError, match="no worker can start in the cluster: no such file"):
        run(tmp_path, ["ok"], cluster)


def test_a_drain_finishes_what_was_begun(tmp_path):
    switch = StopSwitch()
    photos = write_photos(tmp_path / "photos", ["ok"] * 40)
    (tmp_path / "out").mkdir()
    job = ScriptedJob(tmp_path / "out", stage_seconds=0.1)
    with OutputTree(job.output) as tree:
        order = PoolOrder(job, 40, None, None, PoolLimits(), switch, lambda _: None, tree)
        outcomes = []
        for one in ClusterPool(FakeCluster(places=1), order).run(
            ImageTask(str(path), path.stem) for path in photos
        ):
            if isinstance(one, Outcome):
                outcomes.append(one)
                switch.drain("enough")
    assert 1 <= len(outcomes) < 40
    written = {f"{name}/{one.report.key}" for one in outcomes for name in ("labels", "results")}
    assert {name.partition(".")[0] for name in tree_of(job.output)} == written


class Ending(SilentProgress):
    """Asks a run to end when its first photo has ended."""

    is_asked = False

    def advance(self, report):
        if not self.is_asked:
            os.kill(os.getpid(), signal.SIGTERM)
        self.is_asked = True


@pytest.mark.parametrize(
    ("first", "fault"), [("ok", once("drain")), ("die-once-saved", lambda *_: None)]
)
def test_what_was_written_when_a_run_was_asked_to_end_is_still_its_own(tmp_path, first, fault):
    scripts = [first, *["ok"] * 39]
    photos = write_photos(tmp_path / "photos", scripts)
    scan = find_images([photos[0].parent], output=tmp_path / "out")
    job = ScriptedJob(tmp_path / "out", stage_seconds=0.05)
    options = RunOptions(executor=FakeExecutor(FakeCluster(fault, places=1)))
    report = run_batch(scan, job, options, Ending())
    assert len(report.photos) < len(tree_of(tmp_path / "out")) / 2
    again = run(tmp_path, scripts, FakeCluster(places=1))
    assert {one.status for one in again.values()} <= {Status.DONE, Status.UP_TO_DATE}


def test_an_output_that_is_not_the_same_folder_is_refused(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()

    class Elsewhere(FakeCluster):
        def call(self, actor: FakeActor, method: str, *values: Any) -> Any:
            if method == "begin":
                (tmp_path / "out").rename(tmp_path / "moved")
                (tmp_path / "out").mkdir()
            return super().call(actor, method, *values)

    with pytest.raises(OutputError, match="is another folder than here"):
        run(tmp_path, ["ok"], Elsewhere())


def test_another_version_of_m2fp_is_refused():
    answer = Station("a").begin("0.0", b"not even a pickle")
    assert "but 0.0 here; install the same everywhere" in str(answer.error)
