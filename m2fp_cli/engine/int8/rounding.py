"""From real numbers to whole ones: steps for activations, and weights with their scales.

Without VNNI, x86 CPUs multiply pairs of bytes and add both products in 16 bits (``vpmaddubsw``);
2 * 255 * 127 does not fit there, and is cut off in silence. 2 * 255 * 64 does fit. So weights take
7 of their 8 bits there, and every sum is exact. Depthwise convolutions multiply in 32 bits on every
CPU, so their weights take all 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from m2fp_cli.arrays import FloatArray
from m2fp_cli.engine.fast.elementwise import Steps
from m2fp_cli.engine.int8.calibration import Range

LEVELS = 255  # the largest quantized activation
MOST_WEIGHT = 127  # the largest quantized weight
MOST_WEIGHT_IN_16_BITS = 64  # where two products are added in 16 bits
# Shares of the largest value to cut off at. Cutting a few large values makes all steps finer.
_ACTIVATION_SHARES = np.linspace(0.4, 1.0, 25)
_WEIGHT_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)


def steps_of(span: Range) -> Steps:
    """Steps that divide a range evenly; 0 is met exactly, since convolutions pad with it."""
    scale = max((span.high - span.low) / LEVELS, 1e-12)
    return Steps(scale, round(min(max(-span.low / scale, 0.0), LEVELS)))


def choose_range(sample: FloatArray, low: float, high: float) -> Range:
    """The range whose steps leave the least squared error in a sample.

    Args:
        sample: (N,) float32 values.
        low: the smallest value that was seen anywhere, also outside the sample.
        high: the largest.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    spans = [Range(low * share, high * share) for share in _ACTIVATION_SHARES]
    errors = [_squared_error(sample, steps_of(span)) for span in spans]
    best = spans[int(np.argmin(errors))]
    return Range(*(float(f"{value:.5g}") for value in best))  # as a file has it


def _squared_error(sample: FloatArray, steps: Steps) -> float:
    numbers = np.clip(np.rint(sample / steps.scale) + steps.zero, 0, LEVELS)
    return float(np.square((numbers - steps.zero) * steps.scale - sample).sum())


def quantize_weights(weight: Tensor, most: int = MOST_WEIGHT) -> Tensor:
    """Weights as whole numbers with a scale for each output channel.

    Each scale is the one, of a few, that leaves the least squared error.

    Args:
        weight: (C_out, ...) float32.
        most: the largest whole number.

    Returns:
        A per-channel quantized int8 tensor of the same shape.
    """
    flat = weight.flatten(1)
    largest = flat.abs().amax(1).clamp_(min=1e-12) / most
    best, least = largest.clone(), torch.full_like(largest, torch.inf)
    for share in _WEIGHT_SHARES:
        scale = (largest * share)[:, None]
        error = (_whole(flat, scale, most) * scale - flat).square_().sum(1)
        best = torch.where(error < least, scale[:, 0], best)
        least = torch.minimum(error, least)
    whole = _whole(flat, best[:, None], most).to(torch.int8).view(weight.shape)
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    quantized: Tensor = torch._make_per_channel_quantized_tensor(whole, best.double(), zeros, 0)
    return quantized


def corrected_bias(
    weight: Tensor, quantized: Tensor, bias: Tensor | None, means: Sequence[float]
) -> Tensor | None:
    """A bias that makes up for what rounding the weights adds to the output's mean.

    The correction of Nagel et al., https://arxiv.org/abs/1906.04721, section 4.2, with measured
    means. It halves the error of the published size's fourth stage.

    Args:
        weight: (C_out, C_in, kh, kw) float32.
        quantized: the same as whole numbers.
        bias: (C_out,) float32; None = 0.
        means: C_in means of the input's channels; empty = no correction.
    """
    if not means:
        return bias
    added = (quantized.dequantize() - weight).sum((2, 3)) @ torch.tensor(means)
    return -added if bias is None else bias - added


def _whole(values: Tensor, scale: Tensor, most: int) -> Tensor:
    return torch.round(values / scale).clamp_(-most, most)
