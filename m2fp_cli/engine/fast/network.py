"""M2FP as a whole, rearranged for inference on a CPU."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.backbones import fold_backbone
from m2fp_cli.engine.fast.mask_decoder import FastMaskDecoder
from m2fp_cli.engine.fast.pixel_decoder import FastPixelDecoder
from m2fp_cli.engine.fast.primitives import bound_primitive_caches
from m2fp_cli.engine.fast.products import pack_layers
from m2fp_cli.kernels.mkl import choose_mkl_code
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.network.mask_decoder import QueryPrediction


class FastM2FP(nn.Module):
    """The same function as ``M2FP`` in evaluation mode, one photo at a time."""

    def __init__(
        self, network: M2FP, dtype: torch.dtype = torch.float32, *, pack: bool = True
    ) -> None:
        """Rearrange a built network; the network itself may be deleted afterwards.

        Args:
            network: what to rearrange; it is not changed, and may be trained on.
            dtype: number format of the large products, float32 or bfloat16. Norms, residuals,
                softmax and query-sized products stay in float32.
            pack: bring the weights into the layout that makes them fast. Otherwise layers can
                still be replaced, and ``pack_layers`` is left to the caller.
        """
        super().__init__()
        choose_mkl_code()
        bound_primitive_caches()
        self.config, self.dtype = network.config, dtype
        self.format_name = str(dtype).removeprefix("torch.")
        head = network.sem_seg_head
        self.backbone = fold_backbone(network.backbone, dtype)
        self.pixel_decoder = FastPixelDecoder(head.pixel_decoder, dtype)
        self.mask_decoder = FastMaskDecoder(head.predictor, dtype)
        _copy_what_is_shared(self, network)
        self.requires_grad_(False).eval()
        if pack:
            pack_layers(self)

    def forward(self, images: Tensor) -> QueryPrediction:
        """Parse one photo.

        Args:
            images: (1, 3, H, W) float32, normalized RGB; H and W multiples of 32.

        Returns:
            class logits (1, Q, K + 1) and mask logits (1, Q, H/4, W/4), float32.
        """
        mask_features, context, shapes = self.pixel_decoder(self.backbone(images))
        prediction: QueryPrediction = self.mask_decoder(context, mask_features, shapes)
        return prediction


def _copy_what_is_shared(fast: nn.Module, network: nn.Module) -> None:
    """Give ``fast`` copies of what it took from the network as it is.

    The network may be trained on, which frozen modules would not let it. And the tensors are small,
    but one view of a mapped checkpoint keeps all of it in memory.
    """
    theirs, tensors = set(network.modules()), set(network.parameters())
    for module in [module for module in fast.modules() if module not in theirs]:
        for name, child in module.named_children():
            if child in theirs:
                setattr(module, name, copy.deepcopy(child))
        for name, parameter in module.named_parameters(recurse=False):
            if parameter in tensors:
                setattr(module, name, nn.Parameter(parameter.detach().clone(), False))
    places = {tensor.storage().data_ptr() for tensor in network.state_dict().values()}
    for tensor in (*fast.parameters(), *fast.buffers()):
        if tensor.storage().data_ptr() in places:
            tensor.data = tensor.data.clone()
