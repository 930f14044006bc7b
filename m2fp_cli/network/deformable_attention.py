"""Multi-scale deformable attention: every position looks at a few learnt points per level.

Zhu et al., "Deformable DETR", https://arxiv.org/abs/2010.04159, equation 3. This is the portable
form, in differentiable torch operations. Training on a GPU runs it, and the compiled loops are
tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shapes = Sequence[tuple[int, int]]
Sampler = Callable[[Tensor, Shapes, Tensor, Tensor], Tensor]


class DeformableAttention(nn.Module):
    """Deformable self-attention over the flattened feature levels."""

    def __init__(self, channels: int, num_levels: int, num_heads: int, num_points: int = 4) -> None:
        """Build the four projections with the initialization of the paper.

        Args:
            channels: channels of a position.
            num_levels: feature levels.
            num_heads: attention heads.
            num_points: points that a head looks at per level.

        Raises:
            ValueError: ``channels`` is not a multiple of ``num_heads``.
        """
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"{channels} channels cannot be split over {num_heads} heads")
        self.num_levels, self.num_heads, self.num_points = num_levels, num_heads, num_points
        self.sample: Sampler = sample_points  # training puts a faster one in its place
        samples = num_heads * num_levels * num_points
        self.sampling_offsets = nn.Linear(channels, samples * 2)
        self.attention_weights = nn.Linear(channels, samples)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the first weights: equal attention, points on a ring, one direction per head."""
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        for linear in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        angle = torch.arange(self.num_heads).mul(2.0 * math.pi / self.num_heads)
        ring = torch.stack((angle.cos(), angle.sin()), dim=-1)
        ring = ring / ring.abs().amax(dim=-1, keepdim=True)
        radius = torch.arange(1, self.num_points + 1)[None, None, :, None]
        offsets = (ring[:, None, None, :] * radius).expand(-1, self.num_levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.reshape(-1))

    def forward(self, query: Tensor, source: Tensor, reference: Tensor, shapes: Shapes) -> Tensor:
        """Attend from every position to sampled points of every level.

        Args:
            query: (N, S, C) features with their positions added.
            source: (N, S, C) features; S is the sum of h * w over ``shapes``.
            reference: (S, 2) (x, y) of every position itself, in [0, 1] of its map.
            shapes: (h, w) of every level.

        Returns:
            (N, S, C).
        """
        batch, length = source.shape[:2]
        value = self.value_proj(source).view(batch, length, self.num_heads, -1)
        points = (batch, length, self.num_heads, self.num_levels, self.num_points)
        weights = self.attention_weights(query).view(*points[:3], -1).softmax(-1).view(points)
        offsets = self.sampling_offsets(query).view(*points, 2)
        size_wh = torch.tensor([(w, h) for h, w in shapes], dtype=reference.dtype)
        size_wh = size_wh.to(query.device)
        locations = reference[None, :, None, None, None] + offsets / size_wh[:, None]
        sampled = self.sample(value.float(), shapes, locations.float(), weights.float())
        out: Tensor = self.output_proj(sampled.to(source.dtype))
        return out


def sample_points(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of bilinear samples, zero outside the maps.

    Args:
        value: (N, S, M, D) float32; M heads of D channels.
        shapes: (h, w) of every level, L of them.
        locations: (N, S, M, L, P, 2) float32 (x, y), where [0, 1] spans a whole map.
        weights: (N, S, M, L, P) float32.

    Returns:
        (N, S, M * D) float32.
    """
    batch, length, heads, depth = value.shape
    grids = locations.mul(2).sub(1)
    samples = []
    levels = value.split([h * w for h, w in shapes], dim=1)
    for level, (map_, (h, w)) in enumerate(zip(levels, shapes, strict=True)):
        image = map_.permute(0, 2, 3, 1).reshape(batch * heads, depth, h, w)
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
        samples.append(F.grid_sample(image, grid, padding_mode="zeros", align_corners=False))
    stacked = torch.stack(samples, dim=3)  # (N*M, D, S, L, P)
    spread = weights.transpose(1, 2).reshape(batch * heads, 1, length, len(shapes), -1)
    out = (stacked * spread).sum(dim=(3, 4))
    return out.view(batch, heads * depth, length).transpose(1, 2)


def reference_points(shapes: Shapes) -> Tensor:
    """The center of every position of every level.

    Args:
        shapes: (h, w) of every level; S is the sum of h * w.

    Returns:
        (S, 2) float32 (x, y) in [0, 1].
    """
    levels = []
    for h, w in shapes:
        y = torch.arange(h, dtype=torch.float32).add(0.5).div(h)
        x = torch.arange(w, dtype=torch.float32).add(0.5).div(w)
        grid = torch.stack((x[None, :].expand(h, w), y[:, None].expand(h, w)), dim=-1)
        levels.append(grid.reshape(h * w, 2))
    return torch.cat(levels)
