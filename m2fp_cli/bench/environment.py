"""The machine and the software a measurement was made with."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "opencv-python", "opencv-python-headless", "pillow", "numba")


def describe_environment(threads: int) -> dict[str, Any]:
    """What a reader needs to judge figures: CPU, cores, load, versions, variables."""
    versions = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    prefixes = ("OMP_", "KMP_", "GOMP_", "MALLOC_", "ONEDNN_", "LRU_", "LD_PRELOAD", "ATEN_")
    return {
        "m2fp": metadata.version("m2fp") if _installed("m2fp") else "checkout",
        "python": platform.python_version(),
        "versions": versions,
        "cpu": _cpu_model(),
        "flags": sorted(_cpu_flags() & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}),
        "cores_allowed": len(os.sched_getaffinity(0)),
        "threads": threads,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "kernel": platform.release(),
        "variables": {k: v for k, v in os.environ.items() if k.startswith(prefixes)},
    }


def warnings_for(environment: dict[str, Any], seconds: list[float]) -> list[str]:
    """Reasons to distrust the figures: a busy machine, times that spread."""
    found = []
    if environment["load_average"][0] > environment["cores_allowed"]:
        found.append(
            f"the machine is busy: load {environment['load_average'][0]} on "
            f"{environment['cores_allowed']} cores"
        )
    if seconds and max(seconds) > 1.5 * (sum(seconds) / len(seconds)):
        found.append("times spread: the slowest is more than 1.5 times the mean")
    return found


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _cpu_field(name: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(values, "")


def _cpu_model() -> str:
    return _cpu_field("model name") or platform.processor()


def _cpu_flags() -> frozenset[str]:
    return frozenset(_cpu_field("flags").split())
