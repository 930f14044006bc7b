"""What the compiled sampling has to give, by the network's own torch operations."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray
from m2fp_cli.network.deformable_attention import sample_points


def sample_plainly(
    value: FloatArray,
    points: FloatArray,
    bias: FloatArray,
    reference: FloatArray,
    shapes: NDArray[np.int64],
    heads_depth: tuple[int, int],
) -> FloatArray:
    """The sums of ``sample_fused`` in float32; its arguments without the threads."""
    length, (heads, depth) = len(value), heads_depth
    level_shapes = [(int(h), int(w)) for h, w, _ in shapes]
    rows = torch.from_numpy((points + bias[:, None]).T)
    samples = rows.shape[1] // (3 * heads)
    offsets = rows[:, : 2 * heads * samples].view(1, length, heads, len(level_shapes), -1, 2)
    weights = rows[:, 2 * heads * samples :].view(1, length, heads, samples).softmax(-1)
    size_wh = torch.tensor([(w, h) for h, w in level_shapes], dtype=torch.float32)
    own = torch.from_numpy(reference)[None, :, None, None, None]
    locations = own + offsets / size_wh[:, None]
    per_level = weights.view(1, length, heads, len(level_shapes), -1)
    maps = torch.from_numpy(value)[None, :, : heads * depth].unflatten(2, heads_depth)
    sampled: FloatArray = sample_points(maps, level_shapes, locations, per_level)[0].numpy()
    return sampled
