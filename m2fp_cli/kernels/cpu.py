"""What the CPU says it can do, without torch: the command line's process may ask."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Feature flags of the first CPU, as Linux lists them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def can_bfloat16() -> bool:
    """Whether torch 1.13 has bfloat16 products here at all, fast or not.

    oneDNN 2.6, which does them, asks for these parts of AVX-512 (its ``avx512_core``).
    """
    return {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= cpu_flags()


def settle_precision(precision: str) -> str:
    """The number format that ``auto`` means on this machine; the others mean themselves.

    The engine also checks the products of a CPU that announces bfloat16 units, and takes float32
    where they are wrong; that needs torch and is not asked here.

    Args:
        precision: ``fp32``, ``bf16`` or ``auto``.

    Returns:
        ``fp32`` or ``bf16``.
    """
    if precision != "auto":
        return precision
    return "bf16" if cpu_flags() & {"amx_bf16", "avx512_bf16"} else "fp32"
