"""Compiled code that is kept is that of the present sources."""

from __future__ import annotations

import ast
import errno
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

from m2fp_cli.engine.thresholding import _threshold_rows
from m2fp_cli.kernels import compiled
from m2fp_cli.kernels.compiled import source_digest, source_stamp

PACKAGE = Path(compiled.__file__).parents[1]
LOOP = """
from m2fp_cli.kernels.compiled import compiled

@compiled
def double(values):
    for i in range(values.shape[0]):
        values[i] *= 2
"""


@pytest.fixture
def hits(tmp_path, monkeypatch):
    """Runs a loop as a new process with that digest would; gives how often it was in the cache."""
    (tmp_path / "room.py").write_text(LOOP)

    def run(digest: str) -> int:
        monkeypatch.setattr(compiled, "source_digest", lambda: digest)
        room: Any = runpy.run_path(str(tmp_path / "room.py"))
        room["double"](np.ones(3, np.float32))
        return sum(room["double"].stats.cache_hits.values())

    return run


def test_a_loop_is_compiled_once_and_again_when_sources_change(hits):
    assert [hits("before"), hits("before"), hits("after"), hits("after")] == [0, 1, 0, 1]


def test_a_loop_outside_the_kernels_is_compiled_again_when_its_own_file_changes(hits, tmp_path):
    found = [hits("same")]
    (tmp_path / "room.py").write_text(LOOP.replace("*= 2", "*= 3"))
    assert [*found, hits("same"), hits("same")] == [0, 0, 1]


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_kept_file_that_was_cut_off_is_made_anew(hits, tmp_path, ending):
    hits("same")
    (kept,) = tmp_path.rglob(f"*.{ending}")
    kept.write_bytes(b"")
    assert [hits("same") for _ in range(3)][::2] == [0, 1]


def test_where_nothing_more_can_be_kept_a_loop_still_runs(hits, monkeypatch):
    hits("before")
    with monkeypatch.context() as full:
        error = OSError(errno.ENOSPC, "No space left on device")
        full.setattr(IndexDataCacheFile, "_save_data", Mock(side_effect=error))
        assert hits("after") == 0
    assert [hits("after"), hits("after")] == [0, 1]  # never the code of before


def test_loops_are_kept_under_the_stamp():
    loop: Any = _threshold_rows
    stamp = source_stamp(Path(loop.__code__.co_filename))
    assert loop._cache._cache_file._source_stamp == stamp


def test_the_digest_changes_with_every_kernel(tmp_path: Path):
    source_digest.cache_clear()
    before = source_digest(tmp_path)
    (tmp_path / "kernel.py").write_text("import json")
    source_digest.cache_clear()
    assert source_digest(tmp_path) != before


def loops_that_sum_and_store(source: str) -> list[int]:
    """Lines of innermost loops that add to a variable and store into one array of several."""
    lines = []
    for loop in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For)):
        inside = [node for line in loop.body for node in ast.walk(line)]
        arrays = [node for node in inside if isinstance(node, ast.Subscript)]
        stored = {ast.dump(one.value) for one in arrays if isinstance(one.ctx, ast.Store)}
        adds = any(isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) for n in inside)
        if stored and adds and not any(isinstance(node, ast.For) for node in inside):
            lines += [loop.lineno] * (len({ast.dump(one.value) for one in arrays}) > 1)
    return lines


def test_no_loop_of_the_engine_sums_and_stores():
    mixed = "for c in range(9):\n    out[c] = x[c]\n    total += out[c]\n"
    assert loops_that_sum_and_store(mixed) == [1]
    assert loops_that_sum_and_store(mixed.replace("x[c]", "2 * out[c]")) == []
    paths = [path for room in ("engine", "kernels") for path in (PACKAGE / room).rglob("*.py")]
    sources = {path: path.read_text() for path in paths}
    rooms = [path for path, text in sources.items() if "@compiled" in text or "njit" in text]
    assert len(rooms) > 10
    assert not any(loops_that_sum_and_store(sources[path]) for path in rooms)


def test_a_file_of_the_current_folder_sets_nothing(tmp_path):
    """Where code is kept, above all: what lies there would be run."""
    pytest.importorskip("yaml")
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: /tmp/theirs\ndisable_jit: 1\n")
    program = (
        "import numba, m2fp_cli.kernels.resample\n"
        "print(numba.config.CACHE_DIR or 'usual', numba.config.DISABLE_JIT, numba.config.DEBUG)"
    )
    usual = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment = {**usual, "PYTHONPATH": str(Path(__file__).parents[2]), "NUMBA_DEBUG": "0"}
    said = subprocess.check_output(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True
    )
    assert "/tmp/theirs" not in said
    assert said.split()[1:] == ["0", "0"]
