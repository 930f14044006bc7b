"""Who holds an output, and who may hold it as well."""

from __future__ import annotations

import errno
import fcntl
import os
from threading import Timer
from unittest.mock import Mock

import pytest

from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.shard import Shard
from m2fp_cli.errors import OutputError, OutputLockedError
from m2fp_cli.storage.tree import OutputTree
from tests.support.outputs import holder_of


def test_a_lock_that_keeps_others_from_reading_says_the_same(tmp_path, monkeypatch):
    """As on SMB shares."""
    with hold_output(OutputTree(tmp_path)):
        monkeypatch.setattr(os, "pread", Mock(side_effect=PermissionError(errno.EACCES, "closed")))
        with pytest.raises(OutputLockedError, match="unknown process"):
            hold_output(OutputTree(tmp_path)).__enter__()
        assert holder_of(tmp_path) == "unknown process"
        monkeypatch.setattr(os, "pread", Mock(side_effect=OSError(errno.EIO, "broken")))
        with pytest.raises(OutputError, match=r"lock cannot be read \(broken\)"):
            hold_output(OutputTree(tmp_path)).__enter__()


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOLCK])
def test_who_holds_an_output_is_asked_as_nfs_wants_it(tmp_path, monkeypatch, number):
    lock = fcntl.flock

    def flock(descriptor, kind):
        if number == errno.ENOLCK or not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_RDWR:
            raise OSError(number, os.strerror(number))
        lock(descriptor, kind)

    with hold_output(OutputTree(tmp_path)):
        monkeypatch.setattr(fcntl, "flock", flock)
        assert bool(holder_of(tmp_path)) == (number == errno.EBADF)


def test_shards_share_an_output_with_each_other_and_nobody_else(tmp_path):
    with (
        hold_output(OutputTree(tmp_path), Shard(1, 2)) as first,
        hold_output(OutputTree(tmp_path), Shard(2, 2)),
    ):
        with first.trying_alone() as is_alone:
            assert not is_alone
        with pytest.raises(OutputLockedError), hold_output(OutputTree(tmp_path)):
            pass
        with (
            pytest.raises(OutputLockedError, match="shard 1/2"),
            hold_output(OutputTree(tmp_path), Shard(1, 2)),
        ):
            pass
    with hold_output(OutputTree(tmp_path), Shard(1, 2)) as lone:
        with lone.trying_alone() as is_alone:
            assert is_alone
        with hold_output(OutputTree(tmp_path), Shard(2, 2)):  # only for as long as it takes
            pass


def test_who_only_asks_keeps_no_run_away(tmp_path):
    with hold_output(OutputTree(tmp_path)):
        pass
    asking = os.open(tmp_path / ".m2fp" / "lock", os.O_RDWR)
    fcntl.flock(asking, fcntl.LOCK_EX)  # as m2fp status does for a moment
    Timer(0.1, os.close, (asking,)).start()
    with hold_output(OutputTree(tmp_path)):
        assert holder_of(tmp_path)


def test_who_holds_an_output_is_a_shard_that_still_works(tmp_path):
    with hold_output(OutputTree(tmp_path), Shard(1, 3)):
        with hold_output(OutputTree(tmp_path), Shard(2, 3)):
            assert holder_of(tmp_path).endswith("shard 1/3; and 1 other shard")
        assert holder_of(tmp_path).endswith("shard 1/3")
        with pytest.raises(OutputLockedError, match="shard 1/3"), hold_output(OutputTree(tmp_path)):
            pass
    assert not holder_of(tmp_path)
