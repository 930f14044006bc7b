"""M2FP as one module: backbone, pixel decoder, mask decoder."""

from __future__ import annotations

from torch import Tensor, nn

from m2fp_cli.network.backbones import backbone_module
from m2fp_cli.network.mask_decoder import MaskDecoder, QueryPrediction
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.network.pixel_decoder import PixelDecoder


class SegmentationHead(nn.Module):
    """Pixel decoder and mask decoder, under the names that checkpoints use."""

    def __init__(self, config: ModelConfig) -> None:
        """Build both decoders."""
        super().__init__()
        self.pixel_decoder = PixelDecoder(config.encoder, config.backbone)
        self.predictor = MaskDecoder(config.decoder, config.encoder.conv_dim)


class M2FP(nn.Module):
    """Mask2Former for Parsing."""

    def __init__(self, config: ModelConfig) -> None:
        """Build the network with fresh weights."""
        super().__init__()
        self.config = config
        self.backbone = backbone_module(config.backbone).build(config.backbone)
        self.sem_seg_head = SegmentationHead(config)

    def forward(self, images: Tensor) -> QueryPrediction:
        """Parse a batch.

        Args:
            images: (N, 3, H, W) float, normalized RGB; H and W multiples of 32.

        Returns:
            class logits (N, Q, K + 1) and mask logits (N, Q, H/4, W/4).
        """
        mask_features, context = self.sem_seg_head.pixel_decoder(self.backbone(images))
        prediction: QueryPrediction = self.sem_seg_head.predictor(context, mask_features)[-1]
        return prediction
