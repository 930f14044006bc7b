"""Backbones rearranged for a CPU: twins of ``network.backbones`` with their batch norms folded.

A twin has the file name of its backbone. The file holds ``fold(backbone, dtype)``, which returns a
module that maps (1, 3, H, W) float32 images to the same feature maps.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor, nn


class PlainBackbone(nn.Module):
    """A backbone without a twin here, run as it is: float32, channels last."""

    def __init__(self, backbone: nn.Module) -> None:
        """Wrap a backbone in evaluation mode."""
        super().__init__()
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name."""
        features: dict[str, Tensor] = self.backbone(
            images.contiguous(memory_format=torch.channels_last)
        )
        return features


def fold_backbone(backbone: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The same function in evaluation mode, rearranged for a CPU.

    Args:
        backbone: built by a file of ``network.backbones``.
        dtype: number format of the folded weights; a backbone without a twin stays float32.
    """
    name = f"{__name__}.{type(backbone).__module__.rpartition('.')[2]}"
    if find_spec(name) is None:
        return PlainBackbone(backbone)
    folded: nn.Module = import_module(name).fold(backbone, dtype)
    return folded
