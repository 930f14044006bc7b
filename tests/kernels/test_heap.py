from __future__ import annotations

import os
import subprocess
import sys

import pytest

from m2fp_cli.batch.processes import worker_environment
from m2fp_cli.kernels import heap

# A block of 6 MiB lies in a mapping of its own, or in the heap.
_SCRIPT = """
import ctypes
from m2fp_cli.kernels.heap import give_back_small_maps
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
give_back_small_maps()
block = libc.malloc(6 << 20)
lines = (line.split() for line in open("/proc/self/maps"))
spans = ((*map(lambda one: int(one, 16), span.split("-")), rest) for span, *rest in lines)
print(next(" ".join(rest) for start, end, rest in spans if start <= block < end))
"""


@pytest.mark.parametrize(
    ("tunables", "is_mapped"),
    [
        (f"glibc.malloc.mmap_threshold={8 << 20}:glibc.malloc.hugetlb=1", True),
        (f"glibc.malloc.mmap_threshold={9 << 20}", False),
    ],
    ids=["a worker's heap", "another's heap"],
)
def test_blocks_of_six_mebibytes_are_mapped(tunables, is_mapped):
    environment = {**os.environ, "GLIBC_TUNABLES": tunables}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert ("[heap]" not in done.stdout) == is_mapped


def test_worker_processes_start_with_the_heap_that_it_knows(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    with worker_environment(1):
        assert heap._WORKERS in os.environ["GLIBC_TUNABLES"].split(":")
