"""What the tests set up for themselves."""

from __future__ import annotations

import os
import runpy
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import conftest
from tests.support.fork_servers import fresh_fork_server


def test_what_is_compiled_for_the_tests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    runpy.run_path(str(Path(__file__).parent / "conftest.py"))
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_a_fork_server_of_ones_own_leaves_the_other_one() -> None:
    server: Any = forkserver._forkserver
    with fresh_fork_server():  # in the place of the one that all tests share
        forkserver.ensure_running()
        other = vars(server).copy()
        with fresh_fork_server():
            assert server._forkserver_pid is None
            forkserver.ensure_running()
            assert server._forkserver_pid != other["_forkserver_pid"]
        assert vars(server) == other
        os.kill(other["_forkserver_pid"], 0)


def test_a_test_that_gives_torch_more_threads_slows_no_other() -> None:
    before = torch.get_num_threads()
    around = conftest.pytest_runtest_protocol()
    next(around)
    torch.set_num_threads(before + 1)
    with pytest.raises(StopIteration):
        next(around)
    assert torch.get_num_threads() == before
