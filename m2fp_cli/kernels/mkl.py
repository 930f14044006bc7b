"""Fast matrix products in MKL, torch's library for them, on CPUs that Intel did not make.

MKL 2020.0, which torch 1.13.1 contains, takes code without AVX2 on them: 92 GFLOP/s on two cores of
a Zen 5 CPU. The variable makes it take the code for AVX2 (225) or AVX-512 (440). MKL reads it once,
at its first product or when torch's threads are set. Releases from 2020.1 on ignore it; they have
code for these CPUs.
"""

from __future__ import annotations

import os

from m2fp_cli.kernels.cpu import cpu_flags, cpu_vendor

MKL_VARIABLE = "MKL_DEBUG_CPU_TYPE"
_VENDORS = frozenset({"AuthenticAMD", "HygonGenuine"})
# What the code uses, the name that MKL has for it; the first that fits.
_CODE = (
    (frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}), "7"),
    (frozenset({"avx2", "fma"}), "5"),
)


def choose_mkl_code() -> None:
    """Choose MKL's code for this CPU, for this process and those that it starts.

    Call it before the first product and before torch's threads are set. What the user has set
    stays.
    """
    codes = [code for needed, code in _CODE if needed <= cpu_flags()]
    if codes and cpu_vendor() in _VENDORS:
        os.environ.setdefault(MKL_VARIABLE, codes[0])
