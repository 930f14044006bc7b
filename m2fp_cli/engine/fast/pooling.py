"""The ResNet's max pooling as one compiled pass.

torch also stores where the maxima are, which is not needed here: in float32 on a CPU with AVX2
(Zen 3) it takes 2 to 5 times as long on one thread, 1.1 to 4 times on two.
"""

from __future__ import annotations

from typing import Any

import numba
import torch
import torch.nn.functional as F
from torch import Tensor

from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import as_array, load, store
from m2fp_cli.kernels.threads import parallel_rows


def max_pool(x: Tensor) -> Tensor:
    """Max pooling with a 3x3 window and stride 2: ``max_pool2d(x, 3, stride=2, padding=1)``.

    Args:
        x: (1, C, H, W) float32, bfloat16 or quantized, channels last.

    Returns:
        (1, C, (H + 1) // 2, (W + 1) // 2), channels last.
    """
    if x.is_quantized:
        return F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
    _, channels, height, width = x.shape
    size = (1, channels, (height + 1) // 2, (width + 1) // 2)
    out = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
    source, target = (as_array(t.permute(0, 2, 3, 1)[0]) for t in (x, out))

    def work(rows: slice) -> None:
        _max_pool_rows(source, target, rows.start, rows.stop)

    parallel_rows(size[2], size[3] * channels, work)
    return out


@compiled
def _max_pool_rows(source: Any, target: Any, start: int, stop: int) -> None:
    height, width, channels = source.shape
    for y in range(start, stop):
        # A window beyond the edge sees its last row or column twice, which changes no maximum.
        upper, middle = source[max(2 * y - 1, 0)], source[2 * y]
        lower = source[min(2 * y + 1, height - 1)]
        for x in range(target.shape[1]):
            u, v, w = max(2 * x - 1, 0), 2 * x, min(2 * x + 1, width - 1)
            pixel = target[y, x]
            for c in range(channels):
                above = _largest(load(upper[u, c]), load(upper[v, c]), load(upper[w, c]))
                here = _largest(load(middle[u, c]), load(middle[v, c]), load(middle[w, c]))
                below = _largest(load(lower[u, c]), load(lower[v, c]), load(lower[w, c]))
                store(pixel, c, _largest(above, here, below))


@numba.njit(nogil=True, fastmath=True, error_model="numpy")
def _largest(a: Any, b: Any, c: Any) -> Any:
    larger = a if a > b else b
    return larger if larger > c else c
