"""The machine and the software a measurement was made with, and reasons to distrust it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from m2fp_cli.batch.resources import CGROUP_ROOT, cpu_quota, look_at_machine
from m2fp_cli.kernels.cpu import cpu_flags, cpu_name
from m2fp_cli.terminal import counted
from m2fp_cli.version import __version__

PACKAGES = (
    *("torch", "numpy", "opencv-python", "opencv-python-headless", "pillow", "numba"),
    *("modelscope", "mmcv-full"),
)
_PREFIXES = ("OMP_", "KMP_", "GOMP_", "MALLOC_", "ONEDNN_", "LRU_", "LD_PRELOAD", "ATEN_", "MKL_")
_FLAGS = re.compile(r"avx2|fma|avx512\w*|avx_vnni|amx_\w+|hypervisor")
_CPU = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Environment:
    """What a reader needs to judge figures.

    Attributes:
        m2fp: version.
        commit: of the checkout the code is in; empty outside one.
        python: version.
        versions: of the packages that do the work.
        kernel: release of the operating system's kernel.
        cpu: model name.
        flags: instruction sets that matter here.
        sockets: number of packages.
        logical_cpus: hyper-threads of the machine.
        cpus_allowed: those this process may run on.
        cores: physical cores this process may use, quota considered.
        quota: cores that the control groups grant; None without a limit.
        governor: of the CPU's clock; empty if not known.
        memory_mib: memory this process may use.
        swap_used_mib: swap in use at the start.
        load_average: over 1, 5 and 15 minutes, at the start.
        throttled: how often the control group has been held back so far.
        variables: of the environment, those that steer threads and memory.
    """

    m2fp: str
    commit: str
    python: str
    versions: dict[str, str]
    kernel: str
    cpu: str
    flags: list[str]
    sockets: int
    logical_cpus: int
    cpus_allowed: int
    cores: int
    quota: float | None
    governor: str
    memory_mib: int
    swap_used_mib: int
    load_average: list[float]
    throttled: int
    variables: dict[str, str]

    def line(self) -> str:
        """The machine in one line."""
        cores = counted(self.cores, "core")
        fast = [f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in self.flags][:1]
        return ", ".join([self.cpu or "unknown CPU", cores, *fast, f"load {self.load_average[0]}"])


def describe_environment() -> Environment:
    """Look at the machine, now."""
    machine, fields = look_at_machine(), _numbers(Path("/proc/meminfo"))
    return Environment(
        m2fp=__version__,
        commit=_commit(),
        python=platform.python_version(),
        versions={name: version for name in PACKAGES if (version := _version(name))},
        kernel=platform.release(),
        cpu=cpu_name() or platform.processor(),
        flags=sorted(flag for flag in cpu_flags() if _FLAGS.fullmatch(flag)),
        sockets=_sockets(),
        logical_cpus=os.cpu_count() or 1,
        cpus_allowed=len(os.sched_getaffinity(0)),
        cores=machine.cores,
        quota=cpu_quota(CGROUP_ROOT, Path("/proc/self/cgroup")),
        governor=_text(_CPU / "cpu0/cpufreq/scaling_governor"),
        memory_mib=machine.memory_bytes >> 20,
        swap_used_mib=(fields.get("SwapTotal:", 0) - fields.get("SwapFree:", 0)) >> 10,
        load_average=[round(value, 2) for value in os.getloadavg()],
        throttled=count_throttled(),
        variables={k: v for k, v in sorted(os.environ.items()) if k.startswith(_PREFIXES)},
    )


def machine_doubts(environment: Environment, throttled_since: int = 0) -> list[str]:
    """Reasons to distrust figures that lie in the machine, as sentences.

    Args:
        environment: as it was at the start.
        throttled_since: how often the control group was held back while measuring.
    """
    found = []
    load, cores = environment.load_average[0], environment.cores
    if load > cores / 2:
        found.append(f"the machine was busy at the start: load {load} on {counted(cores, 'core')}")
    if environment.governor not in ("", "performance"):
        found.append(f"the CPU's governor is {environment.governor}; its clock moves")
    if environment.swap_used_mib > 100:
        found.append(f"{environment.swap_used_mib} MiB of swap were in use at the start")
    if throttled_since:
        times = counted(throttled_since, "time")
        found.append(f"the control group was held back {times} meanwhile")
    return found


def waiting_doubts(name: str, waited_share: float) -> list[str]:
    """A sentence if a process had to wait for a core that others had."""
    if waited_share <= 0.05:
        return []
    return [f"{name}: waited {waited_share:.0%} of the time for a core; other processes are busy"]


def count_throttled() -> int:
    """How often control groups have held this process back since they exist."""
    files = (CGROUP_ROOT / "cpu.stat", CGROUP_ROOT / "cpu" / "cpu.stat")
    return max(_numbers(path).get("nr_throttled", 0) for path in files)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    """Commit of the checkout, with a plus sign if it was changed."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=10"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    return ""


def _sockets() -> int:
    ids = {_text(path) for path in _CPU.glob("cpu[0-9]*/topology/physical_package_id")}
    return max(1, len(ids))


def _numbers(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(path).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
