"""The backbones that a configuration can name: one file each, and this list.

To add one, write its file here with the functions of ``BackboneModule`` and add a line to
``BACKBONES``. The fast engine then runs it as it is. A faster twin with folded batch norms goes
into ``engine.fast.backbones`` under the same file name. Importing this list does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import nn

    from m2fp_cli.network.model_config import BackboneConfig

BACKBONES = {
    "resnet": "resnet",
    **{f"efficientnet_lite{size}": "efficientnet_lite" for size in range(5)},
}
"""The file in this folder for every ``backbone.kind`` of a configuration."""


class BackboneModule(Protocol):
    """The functions of a backbone's file."""

    def build(self, config: BackboneConfig) -> nn.Module:
        """Build the backbone with fresh weights.

        It maps (N, 3, H, W) float32, normalized RGB, H and W multiples of 32, to a dictionary of
        feature maps by stage name.
        """

    def stage_channels(self, config: BackboneConfig) -> dict[str, int]:
        """Channels of every stage's feature map by stage name."""

    def stage_strides(self, config: BackboneConfig) -> dict[str, int]:
        """Stride of every stage's feature map by stage name, in pixels of the network's input."""


def backbone_module(config: BackboneConfig) -> BackboneModule:
    """Import the file of the backbone that a configuration names, and with it torch.

    Raises:
        KeyError: there is no such backbone; ``network.config`` checks the name beforehand.
    """
    return cast("BackboneModule", import_module(f"{__name__}.{BACKBONES[config.kind]}"))
