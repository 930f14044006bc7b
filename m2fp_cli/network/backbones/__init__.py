"""The backbones that a configuration can name: a file each, and this list.

A new one is its file here with the functions of ``BackboneModule``, and its line in ``BACKBONES``.
The fast engine runs it as it is; a twin with folded batch norms, which is faster, goes into
``engine.fast.backbones`` under the same file name. Importing this imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import nn

    from m2fp_cli.network.config import BackboneConfig

BACKBONES = {
    "resnet": "resnet",
    **{f"efficientnet_lite{size}": "efficientnet_lite" for size in range(5)},
}
"""File in this folder by the ``backbone.kind`` of a configuration."""


class BackboneModule(Protocol):
    """What a file of a backbone gives."""

    def build(self, config: BackboneConfig) -> nn.Module:
        """The backbone with fresh weights.

        It maps (N, 3, H, W) float32, normalised RGB, H and W multiples of 32, to a dictionary of
        feature maps by stage name.
        """

    def stage_channels(self, config: BackboneConfig) -> dict[str, int]:
        """Channels of every stage by name."""

    def stage_strides(self, config: BackboneConfig) -> dict[str, int]:
        """Stride of every stage by name, with respect to the network's input."""


def backbone_module(config: BackboneConfig) -> BackboneModule:
    """The file of the backbone that a configuration names; imports torch.

    Raises:
        KeyError: there is no such backbone; ``network.config`` refuses its name before.
    """
    return cast("BackboneModule", import_module(f"{__name__}.{BACKBONES[config.kind]}"))
