"""The mask decoder for inference.

Two things are rearranged. A layer's attention mask is a downscaled mask prediction. Scaling and the
product with the queries are both linear, so the mask features are scaled once per level, and the
masks of the first layers are never computed at full size. Keys and values of a level are projected
from the same sequence, so both are made from it once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.attention import blocked_positions, softmax_numerators_
from m2fp_cli.engine.fast.products import PackedLinear, pointwise
from m2fp_cli.engine.fast.scaling import scale_features
from m2fp_cli.kernels.threads import single_thread_up_to
from m2fp_cli.network.deformable_attention import Shapes
from m2fp_cli.network.mask_decoder import (
    Attention,
    MaskDecoder,
    QueryPrediction,
)  # fmt: skip
from m2fp_cli.network.pixel_decoder import NUM_CONTEXT_LEVELS
from m2fp_cli.network.position import sine_positions

# Most steps here are a hundred rows wide, and threads wait for each other longer than they work:
# 0.41 s with one thread, 0.87 s with two at 640x864 on a machine that other programs use, 0.29 s
# with either on a quiet one.
SINGLE_THREAD_UP_TO = 3


class FastCrossAttention(nn.Module):
    """Cross-attention whose products over the context run in the fast number format."""

    key_weight: Tensor

    def __init__(self, attention: Attention, dtype: torch.dtype) -> None:
        """Split the packed projection of ``attention`` into query, key and value."""
        super().__init__()
        self.num_heads = attention.num_heads
        weights, biases = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
        self.query = PackedLinear(weights[0], biases[0], torch.float32)
        # In bfloat16 a product that gives the keys as columns takes 11 ms over 8,640 keys; one that
        # gives rows, and the copy of them that the scores would need, takes 25. In float32 the copy
        # is not made. The columns leave the bias out: it adds the same to all scores of a query.
        by_column = dtype is not torch.float32
        self.register_buffer("key_weight", weights[1].detach().to(dtype) if by_column else None)
        self.key = None if by_column else PackedLinear(weights[1], biases[1], dtype)
        self.value = PackedLinear(weights[2], biases[2], dtype)
        self.output = PackedLinear.of(attention.out_proj, torch.float32)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, blocked: Tensor) -> Tensor:
        """Attend from queries to one context map.

        Args:
            query: (Q, C) float32.
            key: (L, C) in the fast format, positions added.
            value: (L, C) in the fast format.
            blocked: (Q, L) bool, True = must not be looked at.

        Returns:
            (Q, C) float32.
        """
        heads = (self.num_heads, -1)
        q, v = (
            x.unflatten(-1, heads).transpose(0, 1) for x in (self.query(query), self.value(value))
        )
        scale = q.shape[-1] ** -0.5
        weights = (q * scale).to(v.dtype) @ self._key_columns(key).unflatten(0, heads)
        totals = softmax_numerators_(weights, blocked)
        attended = (weights @ v).float().div_(totals).transpose(0, 1).flatten(1)
        return self.output(attended)

    def _key_columns(self, key: Tensor) -> Tensor:
        """Project (L, C) keys; (C, L)."""
        if self.key is None:
            return torch.mm(self.key_weight, key.T)
        rows: Tensor = self.key(key)
        return rows.T


class FastMaskDecoder(nn.Module):
    """Queries in, classes and masks out, for one photo."""

    def __init__(self, decoder: MaskDecoder, dtype: torch.dtype) -> None:
        """Rearrange a built mask decoder; ``dtype`` is the format of the large products."""
        super().__init__()
        self.dtype = dtype
        cross = decoder.transformer_cross_attention_layers
        self.cross = nn.ModuleList(FastCrossAttention(c.multihead_attn, dtype) for c in cross)
        self.cross_norm = nn.ModuleList(c.norm for c in cross)
        self.pre_norm = any(c.pre_norm for c in cross)
        self.self_attention = decoder.transformer_self_attention_layers
        self.feed_forward = decoder.transformer_ffn_layers
        self.decoder_norm, self.class_embed = decoder.decoder_norm, decoder.class_embed
        self.mask_embed, self.level_embed = decoder.mask_embed, decoder.level_embed
        self.query_feat, self.query_embed = decoder.query_feat, decoder.query_embed
        self.project = nn.ModuleList(
            pointwise(p, dtype) if isinstance(p, nn.Conv2d) else p for p in decoder.input_proj
        )

    def forward(
        self, context: list[Tensor], mask_features: Tensor, shapes: Shapes
    ) -> QueryPrediction:
        """Decode.

        Args:
            context: three sequences (h * w, C) float32, coarsest first.
            mask_features: (H/4, W/4, mask_dim) in the fast format.
            shapes: (h, w) of every sequence.

        Returns:
            class logits (1, Q, K + 1) and mask logits (1, Q, H/4, W/4), float32.
        """
        with single_thread_up_to(SINGLE_THREAD_UP_TO):
            return self._decode(context, mask_features, shapes)

    def _decode(
        self, context: list[Tensor], mask_features: Tensor, shapes: Shapes
    ) -> QueryPrediction:
        keys, values = self._keys_and_values(context, shapes)
        small = [scale_features(mask_features, hw) for hw in shapes]
        query_pos, x = self.query_embed.weight, self.query_feat.weight
        for index, cross in enumerate(self.cross):
            level = index % NUM_CONTEXT_LEVELS
            blocked = blocked_positions(self.scaled_masks(x, small[level]))
            norm = self.cross_norm[index]
            source = norm(x) if self.pre_norm else x
            x = x + cross(source + query_pos, keys[level], values[level], blocked)
            x = x if self.pre_norm else norm(x)
            x = self.self_attention[index](x[None], query_pos[None])[0]
            x = self.feed_forward[index](x)
        classes = self.class_embed(self.decoder_norm(x))
        flat = mask_features.flatten(0, 1)
        masks = (self._embedding(x).to(flat.dtype) @ flat.T).float()
        return QueryPrediction(classes[None], masks.unflatten(1, mask_features.shape[:2])[None])

    def scaled_masks(self, x: Tensor, features: Tensor) -> Tensor:
        """Mask logits at a context map's size.

        Args:
            x: (Q, C) float32 queries.
            features: (L, mask_dim) mask features at that size.

        Returns:
            (Q, L) float32.
        """
        return self._embedding(x).to(features.dtype) @ features.T

    def _embedding(self, x: Tensor) -> Tensor:
        out: Tensor = self.mask_embed(self.decoder_norm(x))
        return out

    def _keys_and_values(
        self, context: list[Tensor], shapes: Shapes
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Keys, positions added, and values of every level: (h * w, C) in the fast format."""
        values = [
            self._project_sequence(project, sequence) + self.level_embed.weight[level]
            for level, (project, sequence) in enumerate(zip(self.project, context, strict=True))
        ]
        keys = [
            value + sine_positions(h, w, value.shape[1])[0]
            for value, (h, w) in zip(values, shapes, strict=True)
        ]
        return [k.to(self.dtype) for k in keys], [v.to(self.dtype) for v in values]

    def _project_sequence(self, project: nn.Module, sequence: Tensor) -> Tensor:
        """Bring a (h * w, C_in) sequence to the decoder's own width; (h * w, C) float32."""
        if isinstance(project, nn.Identity):
            return sequence
        out: Tensor = project(sequence.to(self.dtype)).float()
        return out
