"""Manifests in a store: what their parts say together, whatever became of the runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.remote.state import Publisher, StoredManifest, pull
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.storage.remote.objects import Bucket
from tests.support.object_store import ObjectStore, address_of
from tests.support.scripted import ScriptedJob

pytestmark = pytest.mark.slow

NAME = manifest_name("parse")


@pytest.fixture
def store(store_server: ObjectStore) -> Iterator[ObjectStore]:
    store_server.clear()
    yield store_server
    store_server.clear()


def put_line(line: str, run: str) -> str:
    """Go on with a manifest as a run that is killed behind a line; what it had read before."""
    remote = Remote()
    remote.output_folder(address_of("out"))
    assert remote.output is not None
    stored = pull(remote.output, ["parse"]).get(NAME)
    path = remote.output.folder / NAME
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else ""
    publisher = Publisher(remote.output, stored or StoredManifest(NAME), run)
    path.write_text(f"{before}{line}\n")
    publisher.publish(now=True)
    remote.close()
    return before


def parse(setting: str) -> RunReport:
    """Run the scripted job from the store into the store."""
    remote = Remote()
    try:
        folder = remote.output_folder(address_of("out"))
        scan = remote.find_photos([address_of("in")], output=folder, rules=ScanRules())
        assert scan is not None
        options = RunOptions(workers=1, threads=1, remote=remote)
        return run_batch(scan, ScriptedJob(folder, setting=setting), options, SilentProgress())
    finally:
        remote.close()


def keep_parts(patch: pytest.MonkeyPatch) -> None:
    """As if runs were killed before they remove the parts that they have merged."""
    delete = Bucket.delete
    patch.setattr(Bucket, "delete", lambda self, name: "/parts/" in name or delete(self, name))


def test_parts_are_in_the_order_in_which_they_were_put(store, monkeypatch):
    for line, seconds in (("first", 9000), ("second", 2000), ("third", 5000)):
        monkeypatch.setattr("time.time", lambda now=seconds: now)
        put_line(line, "abc")
    assert put_line("", "def") == "first\nsecond\nthird\n"


def test_lines_that_were_merged_count_once_though_their_parts_are_left(store, monkeypatch):
    store.put("in/a.jpg", "ok")
    with monkeypatch.context() as killed:
        killed.setattr(ManifestWriter, "end", lambda *_: None)
        killed.setattr(Publisher, "finish", lambda self: self.publish(now=True))
        parse("one")
    with monkeypatch.context() as killed:
        keep_parts(killed)
        assert parse("two").done == 1
    assert store.names("out/.m2fp/parts/")
    report = parse("two")
    assert (report.done, report.failures) == (0, [])
    assert store.names("out/.m2fp/") == ["out/.m2fp/manifest.jsonl"]
