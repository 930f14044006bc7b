"""The backbones that a configuration can name."""

from __future__ import annotations

from m2fp_cli.network import efficientnet_lite
from m2fp_cli.network.config import ALL_STAGES, BackboneConfig
from m2fp_cli.network.efficientnet_lite import EfficientNetLite
from m2fp_cli.network.resnet import DeepLabResNet

Backbone = DeepLabResNet | EfficientNetLite


def build_backbone(config: BackboneConfig) -> Backbone:
    """The backbone with fresh weights."""
    return DeepLabResNet(config) if config.kind == "resnet" else EfficientNetLite(config)


def feature_channels(config: BackboneConfig) -> dict[str, int]:
    """Channels of every stage by name."""
    if config.kind != "resnet":
        return efficientnet_lite.stage_channels(config)
    return {name: config.res2_out_channels << i for i, name in enumerate(ALL_STAGES)}


def feature_strides(config: BackboneConfig) -> dict[str, int]:
    """Stride of every stage by name, with respect to the network's input."""
    dilations = (config.res4_dilation, config.res5_dilation)
    dilated = dilations if config.kind == "resnet" else (1, 1)
    res4 = 8 if dilated[0] > 1 else 16
    res5 = res4 if dilated[1] > 1 else res4 * 2
    return {"res2": 4, "res3": 8, "res4": res4, "res5": res5}
