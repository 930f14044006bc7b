"""What the CPU says it can do, read without torch so that the command line's process may ask."""

from __future__ import annotations

import functools
from pathlib import Path

FP32, BF16, INT8 = "fp32", "bf16", "int8"
"""Names of number formats; INT8 is for calibrated models."""
AUTO = "auto"
PRECISIONS = (AUTO, FP32, BF16, INT8)
"""What a precision may be; see ``settle_precision``."""


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Feature flags of the first CPU as Linux lists them; empty on other systems."""
    return frozenset(_first_cpu().get("flags", "").split())


def cpu_vendor() -> str:
    """Who made the first CPU, as it says itself: ``GenuineIntel``; empty on other systems."""
    return _first_cpu().get("vendor_id", "")


def cpu_name() -> str:
    """What the first CPU is sold as; empty on other systems."""
    return _first_cpu().get("model name", "")


@functools.cache
def _first_cpu() -> dict[str, str]:
    """What Linux says about the first CPU, by name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def supports_bfloat16() -> bool:
    """Whether torch 1.13 can multiply in bfloat16 on this CPU at all, fast or not.

    Its oneDNN 2.6 needs these parts of AVX-512 (``avx512_core``) for it.
    """
    return {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= cpu_flags()


def settle_precision(precision: str) -> str:
    """The number format that ``auto`` means on this machine; other names are returned as they are.

    The engine goes one step further: where a CPU announces bfloat16 units but torch's products with
    them are wrong, it uses float32. That check needs torch and is not made here.

    Args:
        precision: ``fp32``, ``bf16``, ``int8`` or ``auto``, which never means ``int8``.

    Returns:
        ``fp32``, ``bf16`` or ``int8``.
    """
    if precision != AUTO:
        return precision
    return BF16 if cpu_flags() & {"amx_bf16", "avx512_bf16"} else FP32


def multiplies_int8() -> bool:
    """Whether this CPU multiplies and adds bytes in one instruction (VNNI or AMX)."""
    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8"})
