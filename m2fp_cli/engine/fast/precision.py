"""The number format of the large products: what was asked for, or the fastest on this CPU."""

from __future__ import annotations

import functools

import torch

from m2fp_cli.errors import EngineError, UsageError
from m2fp_cli.kernels.cpu import AUTO, BF16, FP32, settle_precision, supports_bfloat16

CHOICES = (AUTO, FP32, BF16)


def choose_dtype(precision: str) -> torch.dtype:
    """Number format of the large products.

    Args:
        precision: ``fp32``, ``bf16``, or ``auto``: bfloat16 where the CPU multiplies it in
            hardware (AMX or AVX512-BF16), float32 elsewhere.

    Raises:
        UsageError: the name is unknown, or ``int8``, which is no format of torch's products.
        EngineError: this CPU, or torch on it, cannot compute in bfloat16.
    """
    if precision not in CHOICES:
        raise UsageError(
            f"precision must be one of {', '.join(CHOICES)}, or int8 for a calibrated model's "
            f"folder, got {precision!r}"
        )
    if precision == FP32:
        return torch.float32
    if precision == BF16:
        if not supports_bfloat16():
            raise EngineError(
                "this CPU has no AVX-512, which torch needs for bfloat16; use --precision fp32"
            )
        if not _products_agree():
            raise EngineError(
                "torch fails to multiply in bfloat16 on this machine (a variable such as "
                "ONEDNN_MAX_CPU_ISA may limit it); use --precision fp32"
            )
        return torch.bfloat16
    return torch.bfloat16 if has_fast_bfloat16() else torch.float32


def rest_dtype(rest: str) -> torch.dtype:
    """Number format of the layers that stay in float beside int8.

    Args:
        rest: as a calibration names it, ``fp32`` or ``bf16``.

    Returns:
        bfloat16 if that is named and this CPU has units for it, else float32.
    """
    return choose_dtype(AUTO) if rest == BF16 else torch.float32


@functools.cache
def has_fast_bfloat16() -> bool:
    """Whether this CPU has bfloat16 units and torch's products with them are right."""
    return settle_precision(AUTO) == BF16 and _products_agree()


@functools.cache
def _products_agree() -> bool:
    """Compare a small convolution and product in bfloat16 with float32.

    A virtual machine may announce instructions that its host does not run correctly, and a wrong
    product must never reach a result. Torch may have none at all: a variable of oneDNN's keeps it
    to older instructions than the CPU has.
    """
    try:
        return _compare_products()
    except RuntimeError:  # oneDNN: could not create a primitive descriptor iterator
        return False


def _compare_products() -> bool:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 32, 12, 12, generator=generator)
    kernel = torch.randn(32, 32, 3, 3, generator=generator)
    exact = torch.nn.functional.conv2d(image, kernel, padding=1)
    rough = torch.nn.functional.conv2d(image.bfloat16(), kernel.bfloat16(), padding=1).float()
    if not torch.allclose(exact, rough, atol=0.05 * float(exact.abs().max())):
        return False
    rows, columns = image.flatten(2)[0], kernel.flatten(1)[:, :144]
    exact = rows @ columns.T
    rough = (rows.bfloat16() @ columns.bfloat16().T).float()
    return torch.allclose(exact, rough, atol=0.05 * float(exact.abs().max()))
