"""A cluster that works on photos of a store: its stations fetch them and put what was written."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.cluster import place
from m2fp_cli.errors import OutputError, StoreError
from tests.support.fake_cluster import FakeCluster, FakeExecutor, once
from tests.support.object_store import Fault, ObjectStore, address_of
from tests.support.scripted import ScriptedJob, tree_of, write_photos

pytestmark = pytest.mark.slow
SCRIPTS = ["ok", "bad", "ok", "crash", "ok"]


@pytest.fixture
def store(store_server: ObjectStore) -> Iterator[ObjectStore]:
    store_server.clear()
    for number, script in enumerate(SCRIPTS):
        store_server.put(f"in/{number:04d}.jpg", script)
    yield store_server
    store_server.clear()


def run(
    cluster: FakeCluster, inputs: str | Path = "in", output: str | Path = "out", **job: Any
) -> dict[str, ImageReport]:
    """A whole run on a cluster; names are of the store, paths of this machine."""
    remote = Remote()
    try:
        place = address_of(output) if isinstance(output, str) else output
        folder = remote.output_folder(place)
        source = address_of(inputs) if isinstance(inputs, str) else inputs
        scan: Scan | None = remote.find_photos([source], output=folder, rules=ScanRules())
        if scan is None:
            scan = find_images([source], output=folder)
        options = RunOptions(remote=remote, executor=FakeExecutor(cluster))
        report = run_batch(scan, ScriptedJob(folder, **job), options, SilentProgress())
        return {photo.key: photo for photo in report.photos}
    finally:
        remote.close()


def test_stations_fetch_photos_and_put_their_files(store, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    photos = run(FakeCluster())
    alone = ScriptedJob(tmp_path / "alone")
    write_photos(tmp_path / "photos", SCRIPTS)
    scan = find_images([tmp_path / "photos"], output=alone.output)
    here = run_batch(scan, alone, RunOptions(workers=1), SilentProgress())
    assert store.tree("out") == tree_of(alone.output)
    assert {k: one.reason for k, one in photos.items()} == {
        one.key: one.reason for one in here.photos
    }
    assert not list((tmp_path / "t").glob("m2fp-store-*"))


def test_only_keys_go_to_stations_and_only_they_read_photos(store):
    cluster = FakeCluster(places=1)
    run(cluster)
    tasks = [task for method, values in cluster.calls if method == "work" for task in values[0]]
    assert {task.key for task in tasks} == {f"{number:04d}" for number in range(len(SCRIPTS))}
    assert all(task.origin.endswith(task.path) and "/" not in task.path for task in tasks)
    reads = [path for method, path in store.requests if method == "GET" and "/in/" in path]
    assert len(reads) == len(SCRIPTS)


def test_the_next_run_goes_on(store):
    run(FakeCluster())
    store.put("in/0005.jpg", "ok")
    assert [key for key, one in run(FakeCluster()).items() if one.status is Status.DONE] == ["0005"]


@pytest.mark.parametrize(("inputs", "output"), [("in", None), (None, "out")])
def test_photos_or_results_may_be_on_a_shared_disk(store, tmp_path, inputs, output):
    write_photos(tmp_path / "photos", SCRIPTS)
    photos = run(FakeCluster(), inputs or tmp_path / "photos", output or tmp_path / "out")
    assert sum(one.status is Status.DONE for one in photos.values()) == 3
    names = store.names("out/labels/") if output else [*(tmp_path / "out/labels").iterdir()]
    assert len(names) == 3


def test_what_a_lost_station_had_put_is_its_photos_own(store):
    def put_other_bytes(_: FakeCluster) -> None:  # as another CPU may have computed
        store.put("out/labels/0000.png", "almost the same")

    photos = run(FakeCluster(once("work", put_other_bytes), places=1))
    assert photos["0000"].status is Status.DONE
    assert store.read("out/labels/0000.png") == store.read("out/results/0000.json")


def test_a_photo_that_kills_its_station_leaves_its_files_to_a_later_run(store):
    def lose_answer(cluster: FakeCluster, method: str, values: tuple[Any, ...]) -> Any:
        keys = [task.key for task in values[0]] if method == "work" else []
        return once("work")(cluster, method, values) if "0000" in keys else None

    photos = run(FakeCluster(lose_answer, places=1))
    assert photos["0000"].status is Status.QUARANTINED
    assert photos["0000"].files == ("labels/0000.png", "results/0000.json")
    assert run(FakeCluster())["0000"].attempts == 0  # the same photo would kill the next one
    assert run(FakeCluster(), setting="two")["0000"].status is Status.DONE


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault("GET", "/in/0000", status=500), StoreError, "500"),
        (Fault("PUT", "/out/labels", status=400, code="ExpiredToken"), StoreError, "expired"),
        (Fault("PUT", "/out/labels", status=403, code="AccessDenied"), OutputError, "refuses"),
    ],
    ids=lambda value: value.part if isinstance(value, Fault) else "",
)
def test_a_lasting_fault_of_the_store_ends_the_run_and_the_next_goes_on(store, fault, kind, said):
    fault.times = 10_000
    store.faults.append(fault)
    with pytest.raises(kind, match=said) as caught:
        run(FakeCluster())
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    store.faults.clear()
    run(FakeCluster())
    assert len(store.tree("out")) == 2 * SCRIPTS.count("ok")


def test_a_station_that_reaches_another_store_is_not_used(store, monkeypatch):
    monkeypatch.setattr(place, "who_holds_stored", lambda _: "")
    with pytest.raises(OutputError, match="is another place than here; set the same AWS_ENDPOINT"):
        run(FakeCluster())
    assert store.tree("out") == {}
