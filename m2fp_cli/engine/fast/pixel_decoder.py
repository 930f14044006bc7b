"""The pixel decoder for inference: fewer and larger products, one fused sampling pass per layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.engine.fast.convolution import FoldedConv
from m2fp_cli.engine.fast.elementwise import add_maps, empty_like
from m2fp_cli.engine.fast.norms import add_and_normalize_, normalize_groups
from m2fp_cli.engine.fast.products import PackedLinear, pointwise
from m2fp_cli.engine.fast.sampling import IntArray, add_padding_head, sample_fused
from m2fp_cli.kernels.formats import as_array, as_tensor
from m2fp_cli.network.deformable_attention import DeformableAttention, Shapes, reference_points
from m2fp_cli.network.pixel_decoder import NUM_CONTEXT_LEVELS, DeformableLayer, PixelDecoder
from m2fp_cli.network.position import sine_positions

CHUNK_ROWS = 4096  # most rows of the feed-forward part at a time: 16 MiB, not 62, at 640x1152
MAX_PLANS = 8  # sizes whose plan is kept; 16 MB each at 640x1152 in the published model


@dataclass(frozen=True, eq=False)
class EncoderPlan:
    """What depends only on the input's size; kept for the next photo of the same size.

    Attributes:
        shapes: (L, 3) int64: height, width and first position of every level.
        reference: (S, 2) float32 (x, y) of every query itself, in [0, 1].
        positions: (S, C) float32 position and level embedding of every query.
    """

    shapes: IntArray
    reference: Tensor
    positions: Tensor


@dataclass(frozen=True, eq=False)
class Stream:
    """The features that every layer reads and overwrites, one row a position.

    Attributes:
        exact: (S, C) float32.
        plain: (S, C) in the format of the products; in float32 the same tensor as ``exact``.
        located: (S, C) in the format of the products, positions added.
    """

    exact: Tensor
    plain: Tensor
    located: Tensor


class FastDeformableLayer(nn.Module):
    """One encoder layer; offsets and attention logits come from one product.

    The product gives a row for every number and a column for every query, so that the sampler can
    load the numbers of neighboring queries as vectors. The time that saves is three times what
    this product, whose weights cannot be packed, takes longer.
    """

    points: Tensor
    points_bias: Tensor

    def __init__(self, layer: DeformableLayer, dtype: torch.dtype) -> None:
        """Rearrange a built layer; ``dtype`` is the format of the large products."""
        super().__init__()
        attention: DeformableAttention = layer.self_attn
        heads, value = attention.num_heads, attention.value_proj
        offsets, weights = attention.sampling_offsets, attention.attention_weights
        points = torch.cat((offsets.weight, weights.weight)).detach()
        self.register_buffer("points", points.to(dtype))
        self.register_buffer("points_bias", torch.cat((offsets.bias, weights.bias)).detach())
        self.heads_depth = (heads, len(value.weight) // heads)
        weight, bias = (add_padding_head(t.detach(), heads) for t in (value.weight, value.bias))
        self.value = PackedLinear(weight, bias, dtype)
        self.output = PackedLinear.of(attention.output_proj, dtype)
        self.linear1 = PackedLinear.of(layer.linear1, dtype, relu=True, chained=True)
        self.linear2 = PackedLinear.of(layer.linear2, dtype, chained=True)
        self.norm1, self.norm2 = layer.norm1, layer.norm2

    def forward(self, stream: Stream, plan: EncoderPlan) -> None:
        """Run the layer on the stream, whose tensors are changed."""
        value, points = self.value(stream.plain), torch.mm(self.points, stream.located.T)
        sampled = sample_fused(
            as_array(value), as_array(points), self.points_bias.numpy(), plan.reference.numpy(),
            plan.shapes, self.heads_depth, torch.get_num_threads(),
        )  # fmt: skip
        change = self.output(as_tensor(sampled))
        reads = self.linear1.reads
        fed = stream.plain if reads is stream.plain.dtype else empty_like(stream.exact, reads)
        add_and_normalize_(stream.exact, change, self.norm1, fed)
        tensors = (fed, stream.exact, stream.plain, stream.located, plan.positions)
        # Chunks of equal size: for a short one, oneDNN wants weights in another layout.
        rows = -(-len(fed) // -(-len(fed) // CHUNK_ROWS))
        chunks = zip(*(t.split(rows) for t in tensors), strict=True)
        for part, exact, plain, located, positions in chunks:
            change = self.linear2(self.linear1(part))
            add_and_normalize_(exact, change, self.norm2, plain, located, positions)


class FastPixelDecoder(nn.Module):
    """From backbone features to context sequences and mask features."""

    def __init__(self, decoder: PixelDecoder, dtype: torch.dtype) -> None:
        """Rearrange a built pixel decoder; ``dtype`` is the format of the large products."""
        super().__init__()
        self.dtype = dtype
        self.context_features = decoder.context_features
        self.pyramid_features = decoder.pyramid_features
        self.input_proj = nn.ModuleList(pointwise(p[0], dtype) for p in decoder.input_proj)
        self.input_norm = nn.ModuleList(p[1] for p in decoder.input_proj)
        self.layers = nn.ModuleList(
            FastDeformableLayer(layer, dtype)
            for layer in decoder.transformer.encoder.layers  # type: ignore[union-attr]
        )
        self.level_embed = decoder.transformer.level_embed
        count = len(decoder.pyramid_features)
        self.laterals, self.outputs = (
            nn.ModuleList(
                FoldedConv(decoder.get_submodule(f"{kind}_{i}"), dtype, relu=kind == "layer")  # type: ignore[arg-type]
                for i in range(count, 0, -1)
            )
            for kind in ("adapter", "layer")
        )
        self.mask_features = pointwise(decoder.mask_features, dtype)
        self._plans: dict[tuple[tuple[int, int], ...], EncoderPlan] = {}

    def forward(self, features: dict[str, Tensor]) -> tuple[Tensor, list[Tensor], Shapes]:
        """Decode the features of one photo.

        Args:
            features: channels-last maps (1, C, h, w) by stage name; each is removed from the
                dictionary when it has been used, which frees its memory.

        Returns:
            mask features (H/4, W/4, mask_dim); three context sequences (h * w, C) float32,
            coarsest first; their (h, w).
        """
        maps = [features[name] for name in self.context_features]
        shapes = [(int(m.shape[2]), int(m.shape[3])) for m in maps]
        plain = torch.cat([self._project(m, i) for i, m in enumerate(maps)])
        del maps
        for name in set(features) - set(self.pyramid_features):
            del features[name]
        plan = self._plan(tuple(shapes))
        located = add_maps(plain, plan.positions, self.dtype, relu=False)
        stream = Stream(plain.float(), plain, located)
        for layer in self.layers:
            layer(stream, plan)
        sizes = [h * w for h, w in shapes]
        levels = stream.exact.split(sizes)
        fine = stream.plain.split(sizes)[-1].view(1, *shapes[-1], -1).permute(0, 3, 1, 2)
        for lateral, output, name in zip(
            self.laterals, self.outputs, self.pyramid_features, strict=True
        ):
            side = lateral(features.pop(name))
            side.add_(F.interpolate(fine, side.shape[-2:], mode="bilinear"))
            fine = output(side)
            del side  # 23 MiB at 640x1152, not needed any more
        pixels = fine.permute(0, 2, 3, 1)[0]
        mask_features = self.mask_features(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2])
        return mask_features, list(levels[:NUM_CONTEXT_LEVELS]), shapes[:NUM_CONTEXT_LEVELS]

    def _project(self, map_: Tensor, index: int) -> Tensor:
        """Project a (1, C_in, h, w) map and normalize it; (h * w, C)."""
        flat = self.input_proj[index](map_.permute(0, 2, 3, 1)[0].flatten(0, 1))
        return normalize_groups(flat, self.input_norm[index])

    def _plan(self, shapes: tuple[tuple[int, int], ...]) -> EncoderPlan:
        if shapes not in self._plans:
            if len(self._plans) >= MAX_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[shapes] = self._make_plan(shapes)
        return self._plans[shapes]

    def _make_plan(self, shapes: tuple[tuple[int, int], ...]) -> EncoderPlan:
        channels = self.level_embed.shape[1]
        positions = torch.cat(
            [
                sine_positions(h, w, channels)[0] + self.level_embed[i]
                for i, (h, w) in enumerate(shapes)
            ]
        )
        starts = np.cumsum([0, *(h * w for h, w in shapes[:-1])])
        table = np.array([(h, w, s) for (h, w), s in zip(shapes, starts, strict=True)], np.int64)
        return EncoderPlan(table, reference_points(shapes).contiguous(), positions)
