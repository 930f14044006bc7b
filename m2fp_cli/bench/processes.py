"""What Linux tells of a process: memory and CPU time; 0 of one that is gone."""

from __future__ import annotations

import os
from pathlib import Path


def peak_mib(pid: int) -> float:
    """Largest resident memory of a process so far, in MiB."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM:") / 1024


def proportional_mib(pid: int) -> float:
    """Memory of a process in MiB, shared pages divided by those who share them (PSS)."""
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system."""
    # proc(5): fields 14 and 15; the name in brackets before them may hold spaces.
    words = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if len(words) < 13:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Processes that descend from a process, the nearest first."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in _read(path).split()]
    return found + [one for child in found for one in children_of(child)]


def _kib(path: Path, name: str) -> int:
    for line in _read(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == name:
            return int(words[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
