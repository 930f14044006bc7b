"""Mask decoder: learnt queries attend to the context maps inside their own masks.

Mask2Former, section 3.2.2: masked cross-attention first, then self-attention, then feed-forward.
Every layer reads one of three scales, in turn, coarsest first.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD
from m2fp_cli.network.model_config import DecoderConfig
from m2fp_cli.network.pixel_decoder import NUM_CONTEXT_LEVELS
from m2fp_cli.network.position import sine_positions


@dataclass(frozen=True, eq=False)
class QueryPrediction:
    """The queries' classes and masks after one decoder layer.

    Attributes:
        class_logits: (N, Q, K + 1); the last column is "no object".
        mask_logits: (N, Q, h, w) at the mask features' stride; a cell belongs to the query's mask
            where its logit is above ``MASK_LOGIT_THRESHOLD``.
    """

    class_logits: Tensor
    mask_logits: Tensor


class Attention(nn.Module):
    """Multi-head attention with one mask for all heads, batch first."""

    def __init__(self, channels: int, num_heads: int) -> None:
        """Build packed query, key and value projections, named as torch names them."""
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.xavier_uniform_(self.out_proj.weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, blocked: Tensor | None = None
    ) -> Tensor:
        """Attend.

        Args:
            query: (N, Q, C).
            key: (N, L, C).
            value: (N, L, C).
            blocked: (N, Q, L) bool, True = must not be looked at; None = nothing is blocked.

        Returns:
            (N, Q, C).
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            self._split_heads(F.linear(x, w, b))
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if blocked is not None:
            scores = scores.masked_fill(blocked[:, None], float("-inf"))
        out = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        projected: Tensor = self.out_proj(out)
        return projected

    def _split_heads(self, x: Tensor) -> Tensor:
        """(N, L, C) to (N, heads, L, C / heads)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class SelfAttentionLayer(nn.Module):
    """Queries attend to each other."""

    def __init__(self, config: DecoderConfig) -> None:
        """Build attention and norm."""
        super().__init__()
        self.self_attn = Attention(config.hidden_dim, config.nheads)
        self.norm = nn.LayerNorm(config.hidden_dim)
        self.pre_norm = config.pre_norm

    def forward(self, x: Tensor, query_pos: Tensor) -> Tensor:
        """Map (N, Q, C) to (N, Q, C)."""
        source = self.norm(x) if self.pre_norm else x
        located = source + query_pos
        x = x + self.self_attn(located, located, source)
        return x if self.pre_norm else self.norm(x)


class CrossAttentionLayer(nn.Module):
    """Queries attend to one context map, each only inside its current mask."""

    def __init__(self, config: DecoderConfig) -> None:
        """Build attention and norm."""
        super().__init__()
        self.multihead_attn = Attention(config.hidden_dim, config.nheads)
        self.norm = nn.LayerNorm(config.hidden_dim)
        self.pre_norm = config.pre_norm

    def forward(
        self, x: Tensor, query_pos: Tensor, key: Tensor, value: Tensor, blocked: Tensor
    ) -> Tensor:
        """Map (N, Q, C) to (N, Q, C); see ``Attention.forward`` for key, value and blocked."""
        source = self.norm(x) if self.pre_norm else x
        x = x + self.multihead_attn(source + query_pos, key, value, blocked)
        return x if self.pre_norm else self.norm(x)


class FeedForwardLayer(nn.Module):
    """Two linear layers around a ReLU, residual."""

    def __init__(self, config: DecoderConfig) -> None:
        """Build both linears and the norm."""
        super().__init__()
        self.linear1 = nn.Linear(config.hidden_dim, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, config.hidden_dim)
        self.norm = nn.LayerNorm(config.hidden_dim)
        self.pre_norm = config.pre_norm

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, Q, C) to (N, Q, C)."""
        source = self.norm(x) if self.pre_norm else x
        x = x + self.linear2(F.relu_(self.linear1(source)))
        return x if self.pre_norm else self.norm(x)


class MaskEmbedding(nn.Module):
    """Three linear layers from a query's features to its mask embedding."""

    def __init__(self, hidden_dim: int, mask_dim: int) -> None:
        """Build the layers."""
        super().__init__()
        sizes = (hidden_dim, hidden_dim, hidden_dim, mask_dim)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, Q, hidden_dim) to (N, Q, mask_dim)."""
        x = F.relu_(self.layers[0](x))
        x = F.relu_(self.layers[1](x))
        out: Tensor = self.layers[2](x)
        return out


class MaskDecoder(nn.Module):
    """Queries in, classes and masks out."""

    def __init__(self, config: DecoderConfig, in_channels: int) -> None:
        """Build the layers.

        Args:
            config: the decoder's numbers.
            in_channels: channels of the context maps; they are projected only if the decoder's
                width differs or the configuration asks for it.
        """
        super().__init__()
        hidden, layers = config.hidden_dim, range(config.dec_layers)
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttentionLayer(config) for _ in layers
        )
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttentionLayer(config) for _ in layers
        )
        self.transformer_ffn_layers = nn.ModuleList(FeedForwardLayer(config) for _ in layers)
        self.decoder_norm = nn.LayerNorm(hidden)
        self.query_feat = nn.Embedding(config.num_queries, hidden)
        self.query_embed = nn.Embedding(config.num_queries, hidden)
        self.level_embed = nn.Embedding(NUM_CONTEXT_LEVELS, hidden)
        project = in_channels != hidden or config.enforce_input_project
        self.input_proj = nn.ModuleList(
            nn.Conv2d(in_channels, hidden, 1) if project else nn.Identity()
            for _ in range(NUM_CONTEXT_LEVELS)
        )
        self.class_embed = nn.Linear(hidden, config.num_classes + 1)
        self.mask_embed = MaskEmbedding(hidden, config.mask_dim)

    def forward(
        self, context: list[Tensor], mask_features: Tensor, *, all_layers: bool = False
    ) -> list[QueryPrediction]:
        """Decode.

        Args:
            context: three maps (N, C, h, w), coarsest first.
            mask_features: (N, mask_dim, H/4, W/4).
            all_layers: also return the predictions before the first and between the layers, for
                deep supervision in training.

        Returns:
            The final prediction alone, or all of them with the final one last.
        """
        batch = mask_features.shape[0]
        sizes = [(int(c.shape[2]), int(c.shape[3])) for c in context]
        keys, values = self._flatten_context(context, sizes)
        query_pos = self.query_embed.weight[None]
        x = self.query_feat.weight[None].expand(batch, -1, -1)
        predictions = []
        for index, cross_attention in enumerate(self.transformer_cross_attention_layers):
            level = index % NUM_CONTEXT_LEVELS
            masks = self._mask_logits(x, mask_features)
            if all_layers:
                predictions.append(QueryPrediction(self._class_logits(x), masks))
            blocked = blocked_positions(masks, sizes[level])
            x = cross_attention(x, query_pos, keys[level], values[level], blocked)
            x = self.transformer_self_attention_layers[index](x, query_pos)
            x = self.transformer_ffn_layers[index](x)
        final = QueryPrediction(self._class_logits(x), self._mask_logits(x, mask_features))
        return [*predictions, final]

    def _flatten_context(
        self, context: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Keys, positions added, and values of every level: (N, h * w, C)."""
        values = [
            project(map_).flatten(2).transpose(1, 2) + self.level_embed.weight[level]
            for level, (project, map_) in enumerate(zip(self.input_proj, context, strict=True))
        ]
        keys = [
            value + sine_positions(h, w, value.shape[-1]).to(value)
            for value, (h, w) in zip(values, sizes, strict=True)
        ]
        return keys, values

    def _class_logits(self, x: Tensor) -> Tensor:
        out: Tensor = self.class_embed(self.decoder_norm(x))
        return out

    def _mask_logits(self, x: Tensor, mask_features: Tensor) -> Tensor:
        """(N, Q, h, w): the product of every query's mask embedding with every pixel's features."""
        embedding = self.mask_embed(self.decoder_norm(x))
        return (embedding @ mask_features.flatten(2)).unflatten(2, mask_features.shape[-2:])


def blocked_positions(mask_logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Where each query must not look: outside its mask; a query with an empty mask sees all.

    Args:
        mask_logits: (N, Q, H, W).
        size_hw: size of the context map.

    Returns:
        (N, Q, h * w) bool.
    """
    with torch.no_grad():
        small = F.interpolate(mask_logits, size_hw, mode="bilinear", align_corners=False)
        return open_if_empty(torch.lt(small.flatten(2), MASK_LOGIT_THRESHOLD))


def open_if_empty(blocked: Tensor) -> Tensor:
    """Unblock all positions of a query that has all of them blocked.

    Args:
        blocked: (..., L) bool.

    Returns:
        (..., L) bool.
    """
    return blocked & ~blocked.all(dim=-1, keepdim=True)
