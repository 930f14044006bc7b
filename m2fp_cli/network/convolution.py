"""The convolution that all backbones and the pixel decoder are made of."""

from __future__ import annotations

from torch import Tensor, nn


def build_norm(kind: str, channels: int) -> nn.Module:
    """The normalization layer of a configuration's name: ``BN``, ``GN`` or ``nnSyncBN``.

    Synchronized batch norm differs from plain batch norm only in training on several devices.

    Args:
        kind: the name.
        channels: how many it normalizes; a multiple of 32 for ``GN``.
    """
    return nn.GroupNorm(32, channels) if kind == "GN" else nn.BatchNorm2d(channels)


class ConvNorm(nn.Conv2d):
    """A convolution without bias and its norm, under the names that checkpoints use."""

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
        """Build a convolution that is padded so that stride 1 keeps the size.

        Args:
            in_channels: channels of the input.
            out_channels: channels of the output.
            kernel: height and width of the kernel, odd.
            norm: the normalization layer.
            stride: step of the kernel.
            dilation: distance between the kernel's pixels.
            groups: groups of channels that are convolved separately.
        """
        padding = dilation * (kernel // 2)
        super().__init__(
            in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False
        )
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        out: Tensor = self.norm(super().forward(x))
        return out
