"""Mask features at the size of a context map."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from m2fp_cli.kernels.compiled import compiled_exactly
from m2fp_cli.kernels.formats import as_array, load
from m2fp_cli.kernels.threads import parallel_rows


def scale_features(mask_features: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Scale mask features to a context map's size by bilinear interpolation.

    Where the ratio of the sizes is an even number, every sample lies in the middle of four pixels
    and is their mean; only those are read.

    Args:
        mask_features: (H, W, C) float32 or bfloat16, contiguous.
        size_hw: (h, w), normally H and W by a power of two.

    Returns:
        (h * w, C) float32.
    """
    (height, width, channels), (rows, columns) = mask_features.shape, size_hw
    step = height // rows
    if step % 2 or (height, width) != (step * rows, step * columns):
        planes = mask_features.permute(2, 0, 1)[None].float()
        small = F.interpolate(planes, size_hw, mode="bilinear", align_corners=False)
        return small[0].flatten(1).T
    out = torch.empty((rows, columns, channels))
    source, target = as_array(mask_features), as_array(out)

    def work(span: slice) -> None:
        _mean_of_four(source, step, target, span.start, span.stop)

    parallel_rows(rows, columns * channels, work)
    return out.flatten(0, 1)


@compiled_exactly
def _mean_of_four(source: Any, step: int, target: Any, start: int, stop: int) -> None:
    for row in range(start, stop):
        top = row * step + step // 2 - 1
        for column in range(target.shape[1]):
            left = column * step + step // 2 - 1
            upper, beside = source[top, left], source[top, left + 1]
            lower, across = source[top + 1, left], source[top + 1, left + 1]
            mean = target[row, column]
            for c in range(target.shape[2]):
                total = load(upper[c]) + load(beside[c]) + load(lower[c]) + load(across[c])
                mean[c] = total * 0.25
