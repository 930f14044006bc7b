"""Machines that share an output, one of which has a clock that is ahead."""

from __future__ import annotations

import time

import pytest

from m2fp_cli.batch.history import find_manifests, manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.slices import latest_cuts
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, write_photos

AHEAD = Shard(1, 1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a job; as a shard, on the machine whose clock is an hour ahead."""
    write_photos(tmp_path / "photos", ["ok"] * 2)
    now = time.time

    def run(setting, shard=None):
        monkeypatch.setattr(time, "time", lambda: now() + (3600.0 if shard else 0.0))
        scan = find_images([tmp_path / "photos"], output=tmp_path / "out")
        job = ScriptedJob(tmp_path / "out", setting=setting)
        return run_batch(scan, job, RunOptions(workers=1, shard=shard), SilentProgress())

    return run


def test_what_another_machine_did_later_counts(run):
    for shard, setting in ((AHEAD, "one"), (None, "two"), (AHEAD, "three"), (None, "one")):
        assert [one.attempts for one in run(setting, shard).photos] == [1, 1]
        again = run(setting, shard)
        assert (again.exit_code, [one.attempts for one in again.photos]) == (0, [0, 0])


def test_a_correction_stays_although_a_run_was_killed_before_it_elsewhere(run, tmp_path):
    run("one", AHEAD)
    with OutputTree(tmp_path / "out") as tree:
        writer = ManifestWriter(tree, manifest_name("parse", AHEAD))
        writer.start({"setting": "two"}, 2, 2)
        writer.claim(["0000", "0001"])
        writer.close()
    run("three")
    label_map = tmp_path / "out" / "labels" / "0000.png"
    label_map.write_bytes(b"corrected by hand")
    (failed,) = run("two").failures
    assert failed.message.startswith("labels/0000.png was changed since m2fp wrote it")
    assert label_map.read_bytes() == b"corrected by hand"


def test_what_is_left_is_what_the_cut_that_was_run_last_left(run, tmp_path):
    run("one", AHEAD)
    run("two")
    with OutputTree(tmp_path / "out") as tree:
        cuts = latest_cuts(find_manifests(tree, "parse"), history_of(tmp_path / "out"))
    assert list(cuts) == [manifest_name("parse")]
