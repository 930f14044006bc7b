"""Members of the M2FP family for tests: small configurations, and a portrait to parse."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np

from m2fp_cli.records.labels import CIHP_NAMES, HUMAN

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
