"""Dense layers in a chosen number format with float32 around them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FastLinear(nn.Module):
    """x @ weight.T + bias, multiplied in ``dtype``; takes any format, gives float32 by default."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        """Keep the weights in ``dtype``."""
        super().__init__()
        self.dtype = dtype
        self.register_buffer("weight", weight.detach().to(dtype).contiguous())
        self.register_buffer("bias", None if bias is None else bias.detach().to(dtype))

    @classmethod
    def of(cls, linear: nn.Linear, dtype: torch.dtype) -> FastLinear:
        """The same layer as a torch module."""
        return cls(linear.weight, linear.bias, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out), in ``dtype``."""
        return F.linear(x.to(self.dtype), self.weight, self.bias)  # type: ignore[arg-type]
