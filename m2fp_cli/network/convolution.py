"""The convolution that all backbones and the pixel decoder are made of."""

from __future__ import annotations

from torch import Tensor, nn


def build_norm(kind: str, channels: int) -> nn.Module:
    """Normalisation layer by its name in a configuration: ``BN``, ``GN`` or ``nnSyncBN``.

    Synchronised batch norm differs from plain batch norm only while training on several devices.
    """
    return nn.GroupNorm(32, channels) if kind == "GN" else nn.BatchNorm2d(channels)


class ConvNorm(nn.Conv2d):
    """A bias-free convolution that owns its normalisation, as the checkpoints name them."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        norm: nn.Module,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        """Pad so that stride 1 keeps the size."""
        padding = dilation * (kernel // 2)
        super().__init__(
            in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False
        )
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C_in, H, W), then normalise."""
        out: Tensor = self.norm(super().forward(x))
        return out
