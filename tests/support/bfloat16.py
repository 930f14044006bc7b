"""Tests of bfloat16 products say that they are skipped where the CPU has none."""

from __future__ import annotations

import pytest
import torch

from m2fp_cli.kernels.cpu import supports_bfloat16

needs_bfloat16 = pytest.mark.skipif(
    not supports_bfloat16(), reason="this CPU has no AVX-512, which torch needs for bfloat16"
)
PRODUCT_FORMATS = (torch.float32, pytest.param(torch.bfloat16, marks=needs_bfloat16))
