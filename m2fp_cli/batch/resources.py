"""How many processes with how many threads: what this process may use, not what the machine has.

``os.cpu_count`` lies in containers and under ``taskset``. What counts here is the affinity mask,
cut down to physical cores and to the quota of every control group above this process.

Workers are not pinned to cores: two runs on one machine, or two containers with a quota instead of
a core set, would pin themselves to the same ones.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.errors import UsageError
from m2fp_cli.terminal import counted

CGROUP_ROOT = Path("/sys/fs/cgroup")
_CPU_FOLDER = Path("/sys/devices/system/cpu")
_USABLE_SHARE = 0.8  # of the memory; the rest is for the page cache and for others
_MOST_THREADS = 8  # of a worker, for each core: more of them only wait for one another


@dataclass(frozen=True)
class Machine:
    """What this process may use.

    Attributes:
        cores: physical cores, at least 1.
        memory_bytes: limit of its memory: the machine's, or that of its control group.
        free_bytes: how much of that is not in use.
    """

    cores: int
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class PoolPlan:
    """The shape of a pool.

    Attributes:
        workers: number of processes.
        threads: cores each of them uses.
        why: what set the number of workers, in a few words.
    """

    workers: int
    threads: int
    why: str

    def line(self) -> str:
        """One line for a person."""
        shape = f"{counted(self.workers, 'worker')} x {counted(self.threads, 'thread')}"
        return f"{shape} ({self.why})"


def plan_pool(
    machine: Machine,
    photos: int,
    worker_bytes: int,
    *,
    workers: int | None = None,
    threads: int | None = None,
) -> PoolPlan:
    """Share the cores out: one thread a worker where there are enough photos, else more.

    The number of threads has an influence on the last bits of a network's results. It therefore
    depends only on what is the same when a run is resumed: the machine, its memory limit and the
    number of photos the run is about, done ones included. Memory that happens to be in use only
    lowers the number of workers.

    Args:
        machine: what may be used.
        photos: number of photos the whole run is about, at least 0.
        worker_bytes: memory one worker needs.
        workers: number of workers a person asked for.
        threads: number of threads a person asked for.

    Raises:
        UsageError: see ``check_counts``.
    """
    check_counts(machine, worker_bytes, workers=workers, threads=threads)
    cores, photos = machine.cores, max(1, photos)
    if workers is not None:
        return PoolPlan(workers, threads or max(1, cores // workers), f"{_cores(cores)}, as asked")
    limits = {
        _cores(cores): max(1, cores // (threads or 1)),
        "few photos": photos,
        "memory limit": _fitting(machine.memory_bytes, worker_bytes),
    }
    why = min(limits, key=lambda name: limits[name])
    count = limits[why]
    threads = threads or max(1, cores // count)
    free = _fitting(machine.free_bytes, worker_bytes)
    if free < count:
        return PoolPlan(free, threads, f"{machine.free_bytes / 1e9:.1f} GB of memory free")
    return PoolPlan(count, threads, why if why == _cores(cores) else f"{_cores(cores)}, {why}")


def check_counts(
    machine: Machine, worker_bytes: int, *, workers: int | None, threads: int | None
) -> None:
    """Refuse numbers that would take the machine from everybody else.

    What is asked for may be more than we would choose: photos may be small, or far away. One worker
    a core is never refused; a run out of memory goes on with fewer.

    Args:
        machine: what may be used.
        worker_bytes: memory one worker needs.
        workers: number of workers a person asked for; None for none.
        threads: number of threads a person asked for; None for none.

    Raises:
        UsageError: there is no memory for the workers, or there are hardly any cores for the
            threads.
    """
    cores, memory = machine.cores, machine.memory_bytes
    most = max(cores, memory // max(1, worker_bytes))
    if workers is not None and workers > most:
        raise UsageError(
            f"{workers} workers are too many: one takes {worker_bytes / 1e9:.1f} GB, and there are "
            f"{memory / 1e9:.1f} GB of memory and {_cores(cores)}; ask for {most} at most, or auto"
        )
    if threads is not None:
        check_threads(cores, threads)


def check_threads(cores: int, threads: int) -> None:
    """Refuse threads that only wait for one another: 5000 on two cores take 28 times as long.

    Raises:
        UsageError: there are more than ``_MOST_THREADS`` for each core.
    """
    most = cores * _MOST_THREADS
    if threads > most:
        raise UsageError(
            f"{threads} threads for one worker are too many for {_cores(cores)}; ask for {most} at "
            "most, or auto"
        )


def look_at_machine() -> Machine:
    """Cores and memory of this process, now."""
    total, available = _memory_of_machine()
    limit, used = memory_limit(CGROUP_ROOT, Path("/proc/self/cgroup"))
    if limit is None or limit >= total:
        return Machine(usable_cores(), total, available)
    return Machine(usable_cores(), limit, min(available, max(0, limit - used)))


def usable_cores() -> int:
    """Physical cores this process may use, at least 1."""
    allowed = os.sched_getaffinity(0)
    cores = physical_cores(allowed, _CPU_FOLDER)
    quota = cpu_quota(CGROUP_ROOT, Path("/proc/self/cgroup"))
    return max(1, min(cores, math.ceil(quota)) if quota is not None else cores)


def physical_cores(allowed: set[int], cpu_folder: Path) -> int:
    """Number of cores behind some logical CPUs: two hyper-threads of a core count once."""
    cores = set()
    for cpu in allowed:
        topology = cpu_folder / f"cpu{cpu}" / "topology"
        package = _read(topology / "physical_package_id")
        core = _read(topology / "core_id")
        cores.add((package, core) if core else ("", str(cpu)))
    return len(cores)


def cpu_quota(cgroup_root: Path, own_cgroup: Path) -> float | None:
    """Cores that the control groups grant, the scarcest of all levels; None without a quota.

    Reads version 2 (``cpu.max``) and version 1 (``cpu.cfs_quota_us``).
    """
    quotas = []
    for folder in _own_folders(cgroup_root, own_cgroup, "cpu"):
        words = _read(folder / "cpu.max").split()
        if not words:
            words = [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
        with contextlib.suppress(ValueError, ZeroDivisionError, IndexError):
            quota = int(words[0]) / int(words[1])
            if quota > 0:
                quotas.append(quota)
    return min(quotas, default=None)


def memory_limit(cgroup_root: Path, own_cgroup: Path) -> tuple[int | None, int]:
    """Memory limit of the control groups and what is used of it, in bytes; None without a limit.

    File pages that can be dropped are not counted as used.
    """
    best: tuple[int | None, int] = (None, 0)
    for folder in _own_folders(cgroup_root, own_cgroup, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        if limit is None or (best[0] is not None and limit >= best[0]):
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        fields = dict(_pairs(folder / "memory.stat"))
        best = (limit, used - fields.get("inactive_file", fields.get("total_inactive_file", 0)))
    return best


def count_oom_kills(
    cgroup_root: Path = CGROUP_ROOT, own_cgroup: Path = Path("/proc/self/cgroup")
) -> int:
    """Processes the kernel has killed for want of memory, in our control group or else anywhere.

    Only the difference of two calls means something. The innermost group counts: in version 1
    those above it do not know of its kills, and in version 2 they know of others' as well.
    """
    above = (cgroup_root, cgroup_root / "memory")
    folders = _own_folders(cgroup_root, own_cgroup, "memory")
    for folder in (*(one for one in folders if one not in above), *above):
        for name in ("memory.events", "memory.oom_control"):  # versions 2 and 1
            events = dict(_pairs(folder / name))
            if "oom_kill" in events:
                return events["oom_kill"]
    return dict(_pairs(Path("/proc/vmstat"))).get("oom_kill", 0)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 if it is gone."""
    words = _read(Path(f"/proc/{pid}/statm")).split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if len(words) > 1 else 0


def _fitting(memory_bytes: int, worker_bytes: int) -> int:
    return max(1, int(memory_bytes * _USABLE_SHARE / max(1, worker_bytes)))


def _cores(cores: int) -> str:
    return "1 core" if cores == 1 else f"{cores} cores"


def _memory_of_machine() -> tuple[int, int]:
    fields = dict(_pairs(Path("/proc/meminfo")))
    total = fields.get("MemTotal:", 4_000_000) * 1024
    return total, fields.get("MemAvailable:", fields.get("MemFree:", 2_000_000)) * 1024


def _own_folders(cgroup_root: Path, own_cgroup: Path, controller: str) -> list[Path]:
    """Folders of the control group of this process and of all above it, for one controller."""
    folders = [cgroup_root, cgroup_root / controller]
    for line in _read(own_cgroup).splitlines():
        controllers, _, place = line.partition(":")[2].partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = cgroup_root / controller if controllers else cgroup_root
        while place.strip("/"):
            folders.append(base / place.strip("/"))
            place = place.rpartition("/")[0]
    return folders


def _pairs(path: Path) -> list[tuple[str, int]]:
    lines = (line.split() for line in _read(path).splitlines())
    return [(words[0], int(words[1])) for words in lines if len(words) > 1 and words[1].isdigit()]


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
