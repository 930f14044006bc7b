"""Runs whose photos and results are in a store: complete, resumable, harmless to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.remote import fetching, lease
from m2fp_cli.batch.remote.carrier import StoreCarrier
from m2fp_cli.batch.remote.delivery import Courier
from m2fp_cli.batch.remote.fetching import Fetcher
from m2fp_cli.batch.remote.lease import hold_stored
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import M2fpError, NoImagesError, OutputError, OutputLockedError, StoreError
from tests.support.object_store import BUCKET, Fault, ObjectStore, address_of
from tests.support.scripted import ScriptedJob

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
URL = f"s3://{BUCKET}"


@pytest.fixture
def store(store_server: ObjectStore) -> Iterator[ObjectStore]:
    store_server.clear()
    store_server.put("in/a.jpg", "ok")
    store_server.put("in/sub/b.jpg", "ok")
    yield store_server
    store_server.clear()


def parse(
    inputs: str | Path = "in", output: str | Path = "out", setting: str = "one", **options
) -> RunReport:
    """Run the scripted job from the store into the store, as a command would."""
    remote = Remote()
    try:
        place = address_of(output) if isinstance(output, str) else output
        folder = remote.output_folder(place)
        source = address_of(inputs) if isinstance(inputs, str) else inputs
        scan = remote.find_photos([source], output=folder, rules=ScanRules(recursive=True))
        assert scan is not None
        job = ScriptedJob(folder, setting=setting)
        settings = RunOptions(workers=1, threads=1, remote=remote, **options)
        return run_batch(scan, job, settings, SilentProgress())
    finally:
        remote.close()


def mirror_of(remote: Remote, output: str) -> Mirror:
    remote.output_folder(address_of(output))
    assert remote.output is not None
    return remote.output


def test_photos_of_a_store_get_their_results_there(store):
    report = parse()
    assert (report.done, report.failures) == (2, [])
    assert sorted(photo.source for photo in report.photos) == [
        f"{URL}/in/a.jpg",
        f"{URL}/in/sub/b.jpg",
    ]
    assert sorted(store.tree("out")) == [
        *("labels/a.png", "labels/sub/b.png", "results/a.json", "results/sub/b.json")
    ]
    assert store.names("out/.m2fp/") == ["out/.m2fp/manifest.jsonl"]


def test_what_is_done_is_not_done_twice_from_another_machine(store):
    parse()
    store.put("in/c.jpg", "ok")
    report = parse()
    assert report.summary().startswith("1 done, 2 up to date")
    store.put("in/a.jpg", "sleep 0")  # another photo
    store.delete("out/labels/sub/b.png")
    assert parse().done == 2


def test_a_photo_that_fails_leaves_nothing_and_the_rest_is_done(store):
    store.put("in/b.jpg", "bad")
    report = parse()
    assert [photo.reason for photo in report.failures] == ["corrupt"]
    assert report.done == 2
    assert "out/labels/b.png" not in store.names()


def test_an_object_that_somebody_changed_stays(store):
    parse()
    parse(setting="two")  # each was put before its photo ended, so nothing is fetched
    assert not [p for method, p in store.requests if method == "GET" and p.endswith(".png")]
    store.put("out/labels/a.png", "corrected", later_seconds=3600)
    (failed,) = parse(setting="three").failures
    assert failed.message.startswith("labels/a.png was changed since m2fp wrote it")
    assert store.read("out/labels/a.png") == b"corrected"
    assert b" three " in store.read("out/labels/sub/b.png")
    assert parse(setting="three", overwrite=True).failures == []


def test_a_file_of_another_is_not_touched(store):
    store.put("out/labels/a.png", "mine")
    store.put("out/notes.txt", "mine")
    report = parse()
    assert [photo.reason for photo in report.failures] == ["conflict"]
    assert store.read("out/labels/a.png") == b"mine"
    assert "out/results/a.json" not in store.names()
    changed = {path for method, path in store.requests if method in ("PUT", "DELETE", "POST")}
    assert not any(path.endswith("notes.txt") for path in changed)


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(store):
    store.put("in/a.jpg", "sleep 0.5")
    store.put("out/results/a.json", "mine")
    with pytest.MonkeyPatch.context() as patch:  # the listing is older than the file
        patch.setattr(Mirror, "look_up", lambda *_, **__: None)
        report = parse()
    assert [photo.reason for photo in report.failures] == ["conflict"]
    assert store.read("out/results/a.json") == b"mine"
    assert "out/labels/a.png" not in store.names()


@pytest.fixture
def meddle(store, monkeypatch):
    """Somebody corrects objects when the run is about to put its own, or a moment later."""

    def meddle(method: Any, *names: str) -> None:
        owner = {"deliver": StoreCarrier, "_as_before": Mirror}[method]
        original = getattr(owner, method)

        def wrapped(self: Any, *arguments: Any) -> Any:
            answer = original(self, *arguments) if method == "_as_before" else None
            for name in names:
                store.put(name, "corrected")
            return answer if method == "_as_before" else original(self, *arguments)

        monkeypatch.setattr(owner, method, wrapped)

    yield meddle
    monkeypatch.undo()


@pytest.mark.parametrize("when", ["deliver", "_as_before"])
def test_an_object_that_is_corrected_while_the_run_goes_on_stays(store, meddle, when):
    parse()
    meddle(when, "out/labels/a.png")
    (failed,) = parse(setting="two").failures
    assert failed.message.startswith("labels/a.png was changed since m2fp wrote it")
    assert store.read("out/labels/a.png") == b"corrected"
    assert b" one " in store.read("out/results/a.json")
    assert b" two " in store.read("out/labels/sub/b.png")


def test_what_was_put_before_a_corrected_object_is_still_its_own(store, meddle, monkeypatch):
    parse()
    meddle("deliver", "out/results/a.json")
    (failed,) = parse(setting="two").failures
    assert failed.message.startswith("results/a.json was changed since")
    assert b" two " in store.read("out/labels/a.png")
    monkeypatch.undo()
    store.delete("out/results/a.json")
    assert parse(setting="three").failures == []
    assert b" three " in store.read("out/labels/a.png")


def test_an_object_that_was_put_anew_with_the_same_bytes_is_replaced(store):
    parse()
    store.put("out/labels/a.png", store.read("out/labels/a.png"), later_seconds=3600)
    assert parse(setting="two").failures == []
    assert b" two " in store.read("out/labels/a.png")


def test_results_of_this_machines_photos_go_to_a_store_and_the_other_way(store, tmp_path):
    assert parse(output=tmp_path / "out").done == 2
    assert (tmp_path / "out/labels/sub/b.png").exists()
    assert not list(tmp_path.glob("**/b.jpg"))


def test_a_lock_keeps_others_away_and_goes_with_its_owner(store):
    store.put("in/a.jpg", "ok")
    remote = Remote()
    with hold_stored(mirror_of(remote, "out"), None):
        with pytest.raises(OutputLockedError, match="in use by another run"):
            parse()
        with pytest.raises(OutputLockedError):
            parse(shard=Shard(1, 2))
        card = store.read("out/.m2fp/lock")
    store.put("out/.m2fp/lock", card.replace(b'"started": "', b'"started": "0'))  # has ended
    assert parse().done == 2
    remote.close()


def test_a_run_that_lost_its_lock_ends(store, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.1)
    store.put("in/a.jpg", "sleep 2")
    threading.Timer(2, lambda: store.put("out/.m2fp/lock", "another's")).start()
    with pytest.raises(OutputLockedError, match="was taken by another run"):
        parse()
    assert store.read("out/.m2fp/lock") == b"another's"


def test_only_what_lies_in_the_folder_itself_is_taken_without_r(store):
    for number in range(3):
        store.put(f"in/sub/{number}.jpg", "ok")
        store.put(f"in/z{number}.jpg", "ok")
    scan = Remote().find_photos([address_of("in")], output=None, rules=ScanRules())
    assert scan is not None
    assert [task.key for task in scan.tasks] == ["a", "z0", "z1", "z2"]


def test_shards_work_side_by_side(store):
    remote = Remote()
    with hold_stored(mirror_of(remote, "out"), Shard(1, 2)):
        second = parse(shard=Shard(2, 2))
    assert second.done + parse(shard=Shard(1, 2)).done == 2
    remote.close()


def test_passing_faults_change_nothing(store):
    """Among them answers that are lost although the work was done."""
    store.faults += [
        Fault("GET", "list-type", status=500),
        Fault("GET", "list-type", half=True, times=2),
        Fault("GET", "/in/a.jpg", status=500, times=2),
        Fault("GET", "/in/sub/b.jpg", reset=True),
        Fault("GET", "/in/sub/b.jpg", half=True),
        Fault("PUT", "/out/labels/a.png", status=503, code="SlowDown", times=2),
        Fault("PUT", "/out/labels/sub/b.png", seconds=0.3),
        Fault("PUT", "/out/results/a.json", reset=True),
        Fault("PUT", "/out/results/sub/b.json", status=500, after=True),
        Fault("PUT", "/out/.m2fp/lock", reset=True, after=True),
        Fault("PUT", "/out/.m2fp/manifest.jsonl", status=500, after=True),
    ]
    report = parse()
    assert [fault for fault in store.faults if fault.times] == []
    assert (report.done, len(report.failures)) == (2, 0)
    assert len(store.tree("out")) == 4


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Fault("GET", "/in/a.jpg", status=500), StoreError, "500"),
        (Fault("PUT", "/out/labels", status=500), StoreError, "500"),
        (Fault("PUT", "/out/labels", status=400, code="ExpiredToken"), StoreError, "expired"),
        (Fault("GET", "/in/", status=403, code="ExpiredToken"), StoreError, "expired"),
        (Fault("GET", "/in/", status=403, code="InvalidAccessKeyId"), StoreError, "InvalidAcc"),
        (Fault("GET", "/in/", status=401, code="Unauthorized"), StoreError, "refuses access"),
        (Fault("PUT", "/out/", status=403, code="AccessDenied"), OutputError, "refuses access"),
        (Fault("GET", "list-type", status=403, code="AccessDenied"), StoreError, "refuses access"),
    ],
    ids=lambda value: value.part if isinstance(value, Fault) else "",
)
def test_a_lasting_fault_ends_the_run_in_one_line_and_the_next_goes_on(store, fault, kind, said):
    fault.times = 10_000
    store.faults.append(fault)
    with pytest.raises(kind, match=said) as caught:
        parse()
    assert "\n" not in str(caught.value)
    store.faults.clear()
    assert parse().done >= 1
    assert len(store.tree("out")) == 4
    assert store.names("out/.m2fp/") == ["out/.m2fp/manifest.jsonl"]


def test_a_missing_bucket_is_said_in_one_line(store):
    with pytest.raises(NoImagesError, match="there is no bucket"):
        parse(inputs=Path("s3://no-such-bucket/in"))
    with pytest.raises(OutputError, match="there is no bucket"):
        parse(output=Path("s3://no-such-bucket/out"))


def test_a_refused_photo_fails_alone(store):
    store.faults.append(Fault("GET", "/in/a.jpg", status=403, code="AccessDenied", times=10_000))
    report = parse()
    assert [(photo.source, photo.reason) for photo in report.failures] == [
        (f"{URL}/in/a.jpg", "unreadable")
    ]
    assert report.done == 1


def test_a_photo_in_an_archive_fails_alone_and_is_said_to_be_there(store):
    store.faults.append(Fault("GET", "/in/a.jpg", status=403, code="InvalidObjectState", times=99))
    report = parse()
    assert [photo.reason for photo in report.failures] == ["unreadable"]
    assert "is in an archive class of the store; restore it first" in report.failures[0].message
    assert report.done == 1


def start(*arguments: str) -> subprocess.Popen[str]:
    """The same run in a process of its own."""
    places = [f"{URL}/in", f"{URL}/out"]
    command = [sys.executable, "-m", "tests.support.scripted_run", *places, *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(store: ObjectStore, name: str) -> None:
    until = time.monotonic() + 60
    while name not in store.names():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_run_is_gone_on_with_at_once(store, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for number in range(8):
        store.put(f"in/{number}.jpg", "sleep 0.4")
    with start() as process:
        wait_for(store, "out/results/1.json")
        process.kill()
    assert "out/.m2fp/lock" in store.names()
    assert list(tmp_path.glob("m2fp-store-*"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    report = parse()
    assert not list(tmp_path.glob("m2fp-store-*"))
    assert (report.failures, len(store.tree("out"))) == ([], 20)
    assert store.names("out/.m2fp/") == ["out/.m2fp/manifest.jsonl"]
    assert parse().summary() == "0 done, 10 up to date"


def test_a_stopped_run_puts_what_is_in_work_and_leaves_no_lock(store):
    for number in range(8):
        store.put(f"in/{number}.jpg", "sleep 0.4")
    with start("--quiet") as process:
        wait_for(store, "out/results/0.json")
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert store.names("out/.m2fp/") == ["out/.m2fp/manifest.jsonl"]
    done = len(store.names("out/results/"))
    assert parse().summary().startswith(f"{10 - done} done, {done} up to date")


def test_what_was_put_when_a_run_was_ended_by_force_is_its_own(store, monkeypatch):
    put, is_over = Courier._put, threading.Event()

    def put_and_wait(self: Courier, *given: Any) -> None:
        put(self, *given)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        is_over.wait(60)

    with monkeypatch.context() as patch:
        patch.setattr(Courier, "_put", put_and_wait)
        assert len(parse().photos) == 0
    is_over.set()
    assert store.names("out/results/")
    assert parse(setting="two").failures == []


def test_no_more_is_copied_here_than_allowed_even_if_workers_die(store, monkeypatch):
    for number in range(3):
        store.put(f"in/{number}.jpg", "crash")
    monkeypatch.setattr(fetching, "MOST_PHOTOS", 2)
    held: list[int] = []
    hold = Fetcher._hold

    def hold_and_count(self: Fetcher, task: ImageTask) -> object:
        found = hold(self, task)
        held.append(len(self._held))
        return found

    monkeypatch.setattr(Fetcher, "_hold", hold_and_count)
    report = parse()
    assert (report.done, len(report.failures), max(held)) == (2, 3, 2)


def test_a_missing_extra_is_said_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(M2fpError, match=r"pip install 'm2fp\[cloud\]'"):
        parse()
