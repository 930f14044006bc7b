"""A cluster of Ray's on loopback: a head and two machines that are processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from tests.support.object_store import ObjectStore, address_of, running_store
from tests.support.outputs import history_of
from tests.support.scripted import ScriptedJob, tree_of, write_photos

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PHOTOS = 60


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """A store that all machines reach: their environment is this process's."""
    with running_store() as store:
        yield store


@pytest.fixture(scope="module")
def cluster(store) -> Iterator[Any]:
    """A cluster whose head has no cores, so that all work is on machines that can be killed."""
    utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "300")
        patch.setenv("PYTHONPATH", str(ROOT))
        made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            patch.setenv("RAY_ADDRESS", made.address)
            yield made
        finally:
            made.shutdown()


@contextlib.contextmanager
def started(photos: Path, output: Path, stage_seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own."""
    command = [sys.executable, "-m", "tests.support.cluster_run", photos, output, "auto"]
    process = subprocess.Popen(
        [*map(str, command), str(stage_seconds)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_results(output: Path, count: int) -> None:
    wait_until(lambda: len(list(output.glob("results/*.json"))) >= count)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_machine_that_dies_and_one_that_joins(cluster, tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok"] * PHOTOS + ["bad", "crash"])[0].parent
    first = cluster.add_node(num_cpus=1)
    with started(photos, tmp_path / "there", 0.1) as process:
        wait_for_results(tmp_path / "there", 5)
        cluster.add_node(num_cpus=1)
        wait_for_results(tmp_path / "there", 20)
        cluster.remove_node(first, allow_graceful=False)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 3, said
    assert said.count("a worker is ready on") >= 2
    here = ScriptedJob(tmp_path / "here")
    scan = find_images([photos], output=here.output)
    run_batch(scan, here, RunOptions(workers=2), SilentProgress())
    assert tree_of(tmp_path / "there") == tree_of(here.output)
    there, alone = (history_of(tmp_path / name).entries for name in ("there", "here"))
    assert {key: one.report.status for key, one in there.items()} == {
        key: one.report.status for key, one in alone.items()
    }


def test_ctrl_c_finishes_what_was_begun_and_the_next_run_goes_on(cluster, tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok"] * PHOTOS)[0].parent
    with started(photos, tmp_path / "out", 0.1) as process:
        wait_for_results(tmp_path / "out", 5)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "interrupted" in said
    done = len(history_of(tmp_path / "out").entries)
    assert 5 <= done < PHOTOS
    assert len(list((tmp_path / "out" / "results").iterdir())) == done
    with started(photos, tmp_path / "out", 0.0) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert f"{PHOTOS - done} done, {done} up to date" in said


def test_photos_of_a_store_and_a_machine_that_dies(cluster, store, tmp_path):
    photos = write_photos(tmp_path / "photos", ["ok"] * PHOTOS + ["bad", "crash"])
    for photo in photos:
        store.put(f"in/{photo.name}", photo.read_bytes())
    first = cluster.add_node(num_cpus=1)
    with started(address_of("in"), address_of("out"), 0.1) as process:
        wait_until(lambda: len(store.names("out/results/")) >= 5)
        cluster.add_node(num_cpus=1)
        wait_until(lambda: len(store.names("out/results/")) >= 20)
        cluster.remove_node(first, allow_graceful=False)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 3, said
    here = ScriptedJob(tmp_path / "here")
    scan = find_images([photos[0].parent], output=here.output)
    run_batch(scan, here, RunOptions(workers=2), SilentProgress())
    assert store.tree("out") == tree_of(here.output)
