"""What is compiled is reported; what was kept is not."""

import runpy

import numpy as np
import pytest

from m2fp_cli import delays
from m2fp_cli.kernels import compiling
from m2fp_cli.kernels.compiling import COMPILING, COMPILING_AGAIN

LOOPS = """
import numba
from m2fp_cli.kernels.compiled import compiled

@numba.njit
def twice(value):
    return 2 * value

@compiled
def double(values):
    for i in range(values.shape[0]):
        values[i] = twice(values[i])
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a loop as a new process would; gives what was reported meanwhile."""
    (tmp_path / "room.py").write_text(LOOPS)

    def run():
        reports: list[tuple[float, str]] = []
        monkeypatch.setattr(delays, "_told", [lambda *report: reports.append(report)])
        runpy.run_path(str(tmp_path / "room.py"))["double"](np.ones(3, np.float32))
        return reports

    return run


def test_a_loop_is_reported_when_it_is_compiled_and_not_when_it_was_kept(run):
    ((seconds, why),) = run()  # the loop that it calls is part of it
    assert 0.0 < seconds < 600.0
    assert why == COMPILING
    assert run() == []


def test_it_is_said_where_the_code_cannot_be_kept(run, monkeypatch):
    monkeypatch.setattr(compiling, "choose_code_cache", lambda: False)
    assert [why for _, why in run()] == [COMPILING_AGAIN]
