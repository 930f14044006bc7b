"""Compiled code that is kept is that of the present sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from m2fp_cli.engine.compiled import source_digest
from m2fp_cli.engine.tracing import _trace

PROGRAM = """
import sys
import numpy as np
from m2fp_cli.engine import compiled as room

room.source_digest = lambda: sys.argv[1]

@room.compiled
def double(values):
    for i in range(values.shape[0]):
        values[i] *= 2

double(np.ones(3, np.float32))
print(sum(double.stats.cache_hits.values()))
"""


def test_a_loop_is_compiled_once_and_again_when_sources_change(tmp_path):
    def hits(digest: str) -> int:
        command = [sys.executable, str(tmp_path / "program.py"), digest]
        root = str(Path(__file__).parent.parent)
        return int(subprocess.check_output(command, env={**os.environ, "PYTHONPATH": root}))

    (tmp_path / "program.py").write_text(PROGRAM)
    assert [hits("before"), hits("before"), hits("after"), hits("after")] == [0, 1, 0, 1]


def test_loops_are_kept_under_the_digest():
    loop: Any = _trace
    assert loop._cache._cache_file._source_stamp == source_digest()


@pytest.mark.parametrize(("text", "counts"), [("import numba", True), ("import json", False)])
def test_the_digest_is_that_of_files_with_compiled_code(tmp_path: Path, text, counts):
    source_digest.cache_clear()
    before = source_digest(tmp_path)
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "room.py").write_text(text)
    source_digest.cache_clear()
    assert (source_digest(tmp_path) != before) == counts
