from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from m2fp_cli.batch.remote import lease
from m2fp_cli.batch.remote.lease import Lease
from m2fp_cli.storage.remote.stored_object import StoredObject, Version


class SlowBucket:
    """Has written an object before it says so."""

    def __init__(self):
        self.version = Version("1")
        self.is_written, self.answers = threading.Event(), threading.Event()
        self.deleted: list[str] = []

    def replace(self, name, data, version):
        self.version = Version("2")
        self.is_written.set()
        self.answers.wait(5)
        return self.version

    def head(self, name):
        return StoredObject(name, 1, 0, self.version)

    def delete(self, name):
        self.deleted.append(name)


def test_a_lock_that_is_being_written_anew_goes_with_its_run(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.0)
    bucket = SlowBucket()
    mirror: Any = SimpleNamespace(bucket=bucket, name_in_bucket=str)
    held = Lease(mirror, "lock", Version("1"), {})
    assert bucket.is_written.wait(5)
    threading.Timer(0.1, bucket.answers.set).start()
    held.release()
    assert bucket.deleted == ["lock"]
