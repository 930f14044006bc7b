from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from m2fp_cli.batch.processes import worker_environment
from m2fp_cli.batch.resources import (
    Machine,
    count_oom_kills,
    cpu_quota,
    look_at_machine,
    memory_limit,
    physical_cores,
    plan_pool,
    resident_bytes,
    usable_cores,
)
from m2fp_cli.errors import UsageError

GB = 1_000_000_000


def machine(cores: int, memory: int = 1000 * GB, free: int | None = None) -> Machine:
    return Machine(cores, memory, memory if free is None else free)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("cores", "photos", "shape"),
    [
        (2, 1000, (2, 1)),
        (2, 1, (1, 2)),
        (8, 1000, (8, 1)),
        (8, 3, (3, 2)),
        (8, 1, (1, 8)),
        (1, 0, (1, 1)),
    ],
)
def test_few_photos_get_more_threads_each(cores, photos, shape):
    plan = plan_pool(machine(cores), photos, GB)
    assert (plan.workers, plan.threads) == shape


def test_a_memory_limit_makes_fewer_workers_with_more_threads():
    plan = plan_pool(machine(8, memory=10 * GB), 1000, 4 * GB)
    assert (plan.workers, plan.threads) == (2, 4)
    assert plan.line() == "2 workers x 4 threads (8 cores, memory limit)"


def test_memory_in_use_lowers_workers_and_never_touches_threads():
    """Threads have an influence on the last bits, so they must be the same when a run goes on."""
    plan = plan_pool(machine(8, free=3 * GB), 1000, GB)
    assert (plan.workers, plan.threads) == (2, 1)
    assert plan_pool(machine(8, free=1), 1000, GB).workers == 1


def test_what_is_asked_for_is_done():
    assert plan_pool(machine(8), 1, GB, workers=5).workers == 5
    assert plan_pool(machine(8), 1, GB, workers=5).threads == 1
    assert plan_pool(machine(8), 100, GB, threads=4).workers == 2
    asked = plan_pool(machine(2), 100, GB, workers=6, threads=3)
    assert (asked.workers, asked.threads) == (6, 3)


def test_what_there_is_no_room_for_is_refused():
    with pytest.raises(UsageError, match=r"5000 workers .* 10.0 GB .* 8 cores; ask for 10 at most"):
        plan_pool(machine(8, memory=10 * GB), 1, GB, workers=5000)
    with pytest.raises(UsageError, match=r"5000 threads .* for 8 cores; ask for 64 at most"):
        plan_pool(machine(8), 1, GB, threads=5000)
    assert plan_pool(machine(8, memory=10 * GB, free=1), 1, GB, workers=10).workers == 10
    assert plan_pool(machine(8, memory=GB), 1, GB, workers=8, threads=64).workers == 8


def test_the_cpu_quota_is_the_scarcest_of_all_levels(tmp_path):
    write(
        tmp_path,
        {
            "own": "0::/a/b",
            "cg/a/b/cpu.max": "400000 100000",
            "cg/a/cpu.max": "150000 100000",
            "cg/cpu.max": "max 100000",
        },
    )
    assert cpu_quota(tmp_path / "cg", tmp_path / "own") == 1.5


def test_the_cpu_quota_of_version_one(tmp_path):
    folder = "cg/cpu/docker/x"
    write(tmp_path, {"own": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x"})
    write(tmp_path, {f"{folder}/cpu.cfs_quota_us": "200000"})
    write(tmp_path, {f"{folder}/cpu.cfs_period_us": "100000", "cg/cpu/cpu.cfs_quota_us": "-1"})
    assert cpu_quota(tmp_path / "cg", tmp_path / "own") == 2.0


def test_no_quota_and_no_limit(tmp_path):
    write(tmp_path, {"own": "0::/", "cg/memory.max": "max", "cg/cpu.max": "max 100000"})
    assert cpu_quota(tmp_path / "cg", tmp_path / "own") is None
    assert memory_limit(tmp_path / "cg", tmp_path / "own") == (None, 0)
    assert cpu_quota(tmp_path / "none", tmp_path / "none") is None


def test_the_memory_limit_leaves_out_pages_that_can_be_dropped(tmp_path):
    write(
        tmp_path,
        {
            "own": "0::/job",
            "cg/job/memory.max": "8000",
            "cg/job/memory.current": "5000",
            "cg/job/memory.stat": "anon 1000\ninactive_file 3500",
        },
    )
    assert memory_limit(tmp_path / "cg", tmp_path / "own") == (8000, 1500)


def test_kills_are_counted_in_the_innermost_group(tmp_path):
    write(
        tmp_path,
        {
            "own": "4:memory:/slurm/job\n0::/",
            "cg/memory/memory.oom_control": "oom_kill_disable 0\noom_kill 0",
            "cg/memory/slurm/memory.oom_control": "oom_kill 1",
            "cg/memory/slurm/job/memory.oom_control": "oom_kill 3",
            "new": "0::/docker/abc",  # as the host calls it; here its group is the root
            "cg2/memory.events": "low 0\noom_kill 5",
        },
    )
    assert count_oom_kills(tmp_path / "cg", tmp_path / "own") == 3
    assert count_oom_kills(tmp_path / "cg2", tmp_path / "new") == 5


def test_hyper_threads_of_a_core_count_once(tmp_path):
    for cpu, core in enumerate((0, 1, 0, 1)):
        topology = f"cpu{cpu}/topology"
        write(tmp_path, {f"{topology}/physical_package_id": "0", f"{topology}/core_id": str(core)})
    assert physical_cores({0, 1, 2, 3}, tmp_path) == 2
    assert physical_cores({0, 2}, tmp_path) == 1
    assert physical_cores({0, 1, 9}, tmp_path) == 3


def test_the_affinity_mask_counts():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_look_at_this_machine():
    here = look_at_machine()
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert 0 < here.free_bytes <= here.memory_bytes
    assert resident_bytes(os.getpid()) > 1_000_000
    assert resident_bytes(2**30) == 0


def test_what_the_user_has_set_stays_and_the_rest_is_put_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    with worker_environment(2):
        assert os.environ["OMP_NUM_THREADS"] == "7"
        assert os.environ["MALLOC_ARENA_MAX"] == "2"
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "MALLOC_ARENA_MAX" not in os.environ
    assert os.environ["OMP_NUM_THREADS"] == "7"


FREED_BLOCKS = """
import numpy as np
from m2fp_cli.batch.resources import resident_bytes
np.ones(8 << 20, np.uint8)  # from here on, glibc left alone takes such blocks from its heap
blocks = [np.ones(8 << 20, np.uint8) for _ in range(20)]
blocks = blocks[-1:]  # what is freed lies below what is kept
print(resident_bytes(__import__("os").getpid()))
"""


def test_workers_give_freed_feature_maps_back(monkeypatch):
    def resident_mib() -> int:
        command = [sys.executable, "-c", FREED_BLOCKS]
        return int(subprocess.run(command, check=True, capture_output=True).stdout) >> 20

    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    before = resident_mib()
    with worker_environment(1):
        assert resident_mib() < before - 100
