"""Members of the M2FP family for tests: small configurations, weights that say something."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.labels import CIHP_NAMES, HUMAN
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP

STAGES = ["res2", "res3", "res4", "res5"]

# ModelScope's builder knows depths from 50 on; everything else is as small as it may be.
SMALL: dict[str, Any] = {
    "type": "m2fp",
    "single_human": False,
    "parsing_on": True,
    "semantic_on": False,
    "num_parsing": 20,
    "parsing_ins_score_thr": 0.3,
    "classes": [*CIHP_NAMES, HUMAN],
    "backbone": {
        "out_features": STAGES,
        "depth": 50,
        "num_groups": 1,
        "width_per_group": 8,
        "norm": "BN",
        "stem_out_channels": 16,
        "res2_out_channels": 32,
        "stride_in_1x1": False,
        "res4_dilation": 1,
        "res5_dilation": 1,
        "res5_multi_grid": [1, 1, 1],
    },
    "encoder": {
        "in_features": STAGES,
        "transformer_in_features": STAGES[1:],
        "transformer_dropout": 0.0,
        "transformer_nheads": 4,
        "transformer_dim_feedforward": 64,
        "transformer_enc_layers": 2,
        "conv_dim": 32,
        "mask_dim": 32,
        "common_stride": 4,
    },
    "decoder": {
        "num_classes": 21,
        "hidden_dim": 32,
        "num_queries": 40,
        "nheads": 4,
        "dim_feedforward": 64,
        "dec_layers": 4,
        "pre_norm": False,
        "mask_dim": 32,
        "enforce_input_project": False,
    },
}


def small_document(**changes: Any) -> dict[str, Any]:
    """A ``configuration.json`` of the small member; ``backbone={...}`` etc. change single keys."""
    model = copy.deepcopy(SMALL)
    for key, value in changes.items():
        section = model.get(key)
        model[key] = {**section, **value} if isinstance(section, dict) else value
    return {
        "framework": "pytorch",
        "task": "image-segmentation",
        "model": model,
        "preprocessor": {"min_size": 160, "max_size": 333},
    }


def reference_size_document(depth: int = 101) -> dict[str, Any]:
    """The published multi-human configuration (R101: 63.0 M parameters)."""
    document = small_document(
        backbone={
            "depth": depth,
            "width_per_group": 64,
            "stem_out_channels": 128,
            "res2_out_channels": 256,
        },
        encoder={
            "transformer_nheads": 8,
            "transformer_dim_feedforward": 1024,
            "transformer_enc_layers": 6,
            "conv_dim": 256,
            "mask_dim": 256,
        },
        decoder={
            "hidden_dim": 256,
            "num_queries": 100,
            "nheads": 8,
            "dim_feedforward": 2048,
            "dec_layers": 9,
            "mask_dim": 256,
        },
    )
    del document["preprocessor"]  # ModelScope's own sizes: 640 and 1333
    return document


def single_human_document(**changes: Any) -> dict[str, Any]:
    """A single-human (LIP) member: no human class, semantic inference, a fixed input size."""
    return small_document(
        **{
            "single_human": True,
            "parsing_on": False,
            "semantic_on": True,
            "num_parsing": None,
            "sem_seg_postprocess_before_inference": False,
            "classes": list(CIHP_NAMES),
            "decoder": {"num_classes": 20},
            "input_single_human": {"sizes": [[384, 512]]},
            **changes,
        }
    )


def build_sharpened(document: dict[str, Any], photo_bgr: np.ndarray, seed: int = 0) -> M2FP:
    """A network with random weights whose queries disagree with each other about a photo."""
    torch.manual_seed(seed)
    network = M2FP(parse_config(document)).eval()
    sharpen(network, photo_bgr)
    return network


@torch.no_grad()
def sharpen(network: M2FP, photo_bgr: np.ndarray) -> None:
    """Make random weights speak.

    Fresh weights say the same for every query. Batch statistics are taken from one photo; mask
    features, class head and mask head are centred on what they say about it, then scaled so that
    classes are sure and masks have clear borders.
    """
    images = prepare_image(photo_bgr, network.config.input).tensor
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
        scale = 4 / head(queries).std()
        head.weight *= scale
        head.bias *= scale
        last = decoder.mask_embed.layers[-1]
        last.bias -= decoder.mask_embed(queries).mean(dim=0)
        scale = 6 / (decoder.mask_embed(queries) @ features[0].flatten(1)).std()
        last.weight *= scale
        last.bias *= scale


def _take_batch_statistics(network: M2FP, images: torch.Tensor) -> None:
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.normal_(1, 0.1)
        norm.bias.normal_(0, 0.1)
        norm.momentum = 1.0
        norm.train()
    network.backbone(images)
    network.eval()


@contextmanager
def _recorded(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    outputs: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    yield outputs
    handle.remove()


@functools.cache
def portrait_bgr() -> np.ndarray:
    """The astronaut of scikit-image: a public-domain portrait, 512x512."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


def photo_of_size(height: int, width: int) -> np.ndarray:
    """The portrait, stretched to a size."""
    from PIL import Image

    rgb = Image.fromarray(portrait_bgr()[:, :, ::-1])
    return np.ascontiguousarray(np.asarray(rgb.resize((width, height)))[:, :, ::-1])
