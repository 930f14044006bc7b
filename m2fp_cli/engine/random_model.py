"""Models with random weights that find instances, for measuring without the hub's weights.

Speed and memory depend on shapes and on how many instances are found. Fresh random weights give
nearly the same answer for every query, so that no instance is found. Here they are centered and
scaled on one photo until queries differ, classes are likely and masks have borders.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.records.labels import CIHP_NAMES, HUMAN

_STAGES = ["res2", "res3", "res4", "res5"]

# Statistics of channels need no more pixels than this; at 640 it would take six times as long.
_SHARPEN_SIDE_PIXELS = 256
# Standard deviations of the logits that the heads are scaled to, so that classes are likely and a
# mask goes from outside to inside within a few cells.
_CLASS_LOGIT_STD, _MASK_LOGIT_STD = 4, 6
_LAST_NORM_SCALE = 0.3  # of every residual block, so that features do not grow from block to block

# The published multi-human model: 63.0 M parameters, CIHP's labels.
PUBLISHED: dict[str, Any] = {
    "type": "m2fp",
    "single_human": False,
    "parsing_on": True,
    "semantic_on": False,
    "num_parsing": 20,
    "parsing_ins_score_thr": 0.3,
    "classes": [*CIHP_NAMES, HUMAN],
    "backbone": {
        "out_features": _STAGES,
        "depth": 101,
        "num_groups": 1,
        "width_per_group": 64,
        "norm": "BN",
        "stem_out_channels": 128,
        "res2_out_channels": 256,
        "stride_in_1x1": False,
        "res4_dilation": 1,
        "res5_dilation": 1,
        "res5_multi_grid": [1, 1, 1],
    },
    "encoder": {
        "in_features": _STAGES,
        "transformer_in_features": _STAGES[1:],
        "transformer_dropout": 0.0,
        "transformer_nheads": 8,
        "transformer_dim_feedforward": 1024,
        "transformer_enc_layers": 6,
        "conv_dim": 256,
        "mask_dim": 256,
        "common_stride": 4,
    },
    "decoder": {
        "num_classes": 21,
        "hidden_dim": 256,
        "num_queries": 100,
        "nheads": 8,
        "dim_feedforward": 2048,
        "dec_layers": 9,
        "pre_norm": False,
        "mask_dim": 256,
        "enforce_input_project": False,
    },
}


def published_document() -> dict[str, Any]:
    """The content of ``configuration.json`` of the published multi-human model."""
    model = copy.deepcopy(PUBLISHED)
    return {"framework": "pytorch", "task": "image-segmentation", "model": model}


def build_sharpened(document: dict[str, Any], photo_bgr: NDArray[np.uint8], seed: int = 0) -> M2FP:
    """A network with random weights whose queries find different things in a photo.

    Args:
        document: the content of a ``configuration.json``.
        photo_bgr: (H, W, 3) uint8, the photo that the weights are scaled on.
        seed: of torch's random numbers.

    Returns:
        The network in evaluation mode.
    """
    torch.manual_seed(seed)
    network = M2FP(parse_config(document)).eval()
    sharpen(network, photo_bgr)
    return network


def write_model(folder: Path, network: M2FP, document: dict[str, Any]) -> None:
    """Write a network as a model folder.

    Args:
        folder: gets ``configuration.json`` and ``model.safetensors``; made if missing.
        network: gives the weights.
        document: the content of its ``configuration.json``.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.json").write_text(json.dumps(document))
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors")


@torch.no_grad()
def sharpen(network: M2FP, photo_bgr: NDArray[np.uint8]) -> None:
    """Center and scale random weights, in place, so that the network finds instances in a photo.

    Batch statistics are taken from the photo. Mask features, class head and mask head are centered
    on their outputs for it, then scaled.

    Args:
        network: the network; it ends in evaluation mode.
        photo_bgr: (H, W, 3) uint8.
    """
    full = network.config.input
    small = replace(
        full,
        min_size=min(full.min_size, _SHARPEN_SIDE_PIXELS),
        max_size=min(full.max_size, 2 * _SHARPEN_SIDE_PIXELS),
    )
    images = prepare_image(photo_bgr, small).tensor
    _take_batch_statistics(network, images)
    pixel_decoder, decoder = network.sem_seg_head.pixel_decoder, network.sem_seg_head.predictor
    features, context = pixel_decoder(network.backbone(images))
    mean = features.mean(dim=(0, 2, 3))
    pixel_decoder.mask_features.bias -= mean
    features -= mean[None, :, None, None]
    for _ in range(2):
        with _recorded(decoder.decoder_norm) as outputs:
            decoder(context, features)
        queries = outputs[-1][0]
        head = decoder.class_embed
        head.bias -= head(queries).mean(dim=0)
        _scale(head, _CLASS_LOGIT_STD / float(head(queries).std()))
        last = decoder.mask_embed.layers[-1]
        last.bias -= decoder.mask_embed(queries).mean(dim=0)
        spread = float((decoder.mask_embed(queries) @ features[0].flatten(1)).std())
        _scale(last, _MASK_LOGIT_STD / spread)


def _scale(linear: nn.Module, factor: float) -> None:
    for parameter in linear.parameters():
        parameter.mul_(factor)


def _take_batch_statistics(network: M2FP, images: torch.Tensor) -> None:
    """Set batch norms as training would: no channel is divided by a value close to 0."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.normal_(1, 0.1)
        norm.bias.normal_(0, 0.1)
        norm.momentum = 1.0
        norm.train()
    network.backbone(images)
    network.eval()
    for norm in norms:
        assert norm.running_var is not None
        norm.running_var.clamp_(min=float(norm.running_var.median()))
    for name, module in network.backbone.named_modules():
        if name.endswith("conv3.norm") and name.startswith("res"):
            _scale(module, _LAST_NORM_SCALE)


@contextmanager
def _recorded(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record a module's outputs inside."""
    outputs: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    yield outputs
    handle.remove()
