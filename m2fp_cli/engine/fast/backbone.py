"""Every backbone's rearranged twin."""

from __future__ import annotations

import torch

from m2fp_cli.engine.fast.efficientnet_lite import FoldedEfficientNetLite
from m2fp_cli.engine.fast.resnet import FoldedResNet
from m2fp_cli.network.backbone import Backbone
from m2fp_cli.network.resnet import DeepLabResNet


def fold_backbone(backbone: Backbone, dtype: torch.dtype) -> FoldedResNet | FoldedEfficientNetLite:
    """The same function in evaluation mode, arranged for a CPU."""
    if isinstance(backbone, DeepLabResNet):
        return FoldedResNet(backbone, dtype)
    return FoldedEfficientNetLite(backbone, dtype)
