"""Pixel decoder: backbone features to three context maps and one high-resolution embedding.

The coarse levels exchange context through deformable attention; the finest is added by a step of a
feature pyramid (Mask2Former, section 3.2.1 and figure 2).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.backbones import backbone_module
from m2fp_cli.network.convolution import ConvNorm
from m2fp_cli.network.deformable_attention import DeformableAttention, Shapes, reference_points
from m2fp_cli.network.model_config import BackboneConfig, EncoderConfig
from m2fp_cli.network.position import sine_positions

NUM_CONTEXT_LEVELS = 3  # the mask decoder reads three scales, however many the encoder has


class DeformableLayer(nn.Module):
    """One encoder layer: deformable self-attention and a feed-forward block, both residual."""

    def __init__(self, config: EncoderConfig, num_levels: int) -> None:
        """Build a layer whose norms come after the blocks."""
        super().__init__()
        channels, hidden = config.conv_dim, config.transformer_dim_feedforward
        self.self_attn = DeformableAttention(channels, num_levels, config.transformer_nheads)
        self.norm1 = nn.LayerNorm(channels)
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(config.transformer_dropout)

    def forward(self, x: Tensor, positions: Tensor, reference: Tensor, shapes: Shapes) -> Tensor:
        """Map (N, S, C) to (N, S, C)."""
        attended = self.self_attn(x + positions, x, reference, shapes)
        x = self.norm1(x + self.dropout(attended))
        hidden = self.linear2(self.dropout(F.relu_(self.linear1(x))))
        out: Tensor = self.norm2(x + self.dropout(hidden))
        return out


class DeformableEncoder(nn.Module):
    """All levels as one sequence, through the encoder layers."""

    def __init__(self, config: EncoderConfig, num_levels: int) -> None:
        """Build ``transformer_enc_layers`` layers and one embedding per level."""
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(num_levels, config.conv_dim))
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(
            DeformableLayer(config, num_levels) for _ in range(config.transformer_enc_layers)
        )

    def forward(self, sources: list[Tensor]) -> list[Tensor]:
        """Map (N, C, h, w) maps, one a level, to maps of the same shapes."""
        shapes = [(int(s.shape[2]), int(s.shape[3])) for s in sources]
        channels = sources[0].shape[1]
        positions = torch.cat(
            [
                sine_positions(h, w, channels).to(self.level_embed.device) + self.level_embed[i]
                for i, (h, w) in enumerate(shapes)
            ],
            dim=1,
        )
        reference = reference_points(shapes).to(self.level_embed.device)
        x = torch.cat([s.flatten(2).transpose(1, 2) for s in sources], dim=1)
        for layer in self.encoder.layers:  # type: ignore[union-attr]
            x = layer(x, positions, reference, shapes)
        levels = x.split([h * w for h, w in shapes], dim=1)
        return [
            level.transpose(1, 2).unflatten(2, hw) for level, hw in zip(levels, shapes, strict=True)
        ]


class PixelDecoder(nn.Module):
    """From backbone features to context maps and mask features."""

    def __init__(self, config: EncoderConfig, backbone: BackboneConfig) -> None:
        """Build projections, encoder and as many pyramid steps as ``common_stride`` needs."""
        super().__init__()
        stages = backbone_module(backbone)
        channels, strides = stages.stage_channels(backbone), stages.stage_strides(backbone)
        width = config.conv_dim
        fine_to_coarse = sorted(config.transformer_in_features, key=lambda name: strides[name])
        self.context_features = fine_to_coarse[::-1]
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels[name], width, 1), nn.GroupNorm(32, width))
            for name in self.context_features
        )
        for projection in self.input_proj:
            nn.init.xavier_uniform_(projection[0].weight)
            nn.init.zeros_(projection[0].bias)
        self.transformer = DeformableEncoder(config, len(self.context_features))
        self.mask_features = nn.Conv2d(width, config.mask_dim, 1)

        steps = int(math.log2(strides[fine_to_coarse[0]] / config.common_stride))
        fine = sorted(config.in_features, key=lambda name: strides[name])[:steps]
        self.pyramid_features = fine[::-1]
        for index, name in enumerate(fine, start=1):
            lateral = ConvNorm(channels[name], width, 1, nn.GroupNorm(32, width))
            output = ConvNorm(width, width, 3, nn.GroupNorm(32, width))
            self.add_module(f"adapter_{index}", lateral)
            self.add_module(f"layer_{index}", output)

    def forward(self, features: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Decode backbone features.

        Args:
            features: feature maps by stage name.

        Returns:
            Mask features (N, mask_dim, H/4, W/4), and three context maps (N, C, h, w), coarsest
            first.
        """
        sources = [
            projection(features[name])
            for projection, name in zip(self.input_proj, self.context_features, strict=True)
        ]
        maps = self.transformer(sources)
        x = maps[-1]
        for index, name in reversed(list(enumerate(self.pyramid_features[::-1], start=1))):
            lateral = self.get_submodule(f"adapter_{index}")(features[name])
            up = F.interpolate(x, lateral.shape[-2:], mode="bilinear", align_corners=False)
            x = F.relu_(self.get_submodule(f"layer_{index}")(lateral + up))
        return self.mask_features(x), maps[:NUM_CONTEXT_LEVELS]
