"""Backbones learn in bfloat16, too, which fine-tuning takes on CPUs with units for it."""

from __future__ import annotations

import pytest
import torch

from m2fp_cli.network.backbones import backbone_module
from m2fp_cli.network.backbones.efficientnet_lite import _relu6
from m2fp_cli.network.model_config import BackboneConfig


@pytest.mark.parametrize("kind", ["resnet", "efficientnet_lite0"])
def test_every_backbone_has_gradients_in_bfloat16(kind):
    config = BackboneConfig(kind=kind)
    torch.manual_seed(0)
    backbone = backbone_module(config).build(config).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.amp.autocast_mode.autocast("cpu", torch.bfloat16):
        features = backbone(image)
    sum(one.float().pow(2).mean() for one in features.values()).backward()
    gradients = [p.grad for p in backbone.parameters() if p.requires_grad and p.grad is not None]
    assert len(gradients) > 50
    assert all(bool(torch.isfinite(one).all()) for one in gradients)


def test_relu6_is_the_same_in_both_number_formats():
    values = torch.tensor([-7.0, -0.5, 0.0, 0.5, 3.0, 6.5, 9.0])
    outcomes = []
    for dtype in (torch.float32, torch.bfloat16):
        leaf = values.clone().to(dtype).requires_grad_()
        out = _relu6(leaf * 1)
        out.sum().backward()
        assert leaf.grad is not None
        outcomes.append((out.tolist(), leaf.grad.tolist()))
    assert (
        outcomes[0]
        == outcomes[1]
        == (
            [0.0, 0.0, 0.0, 0.5, 3.0, 6.0, 6.0],
            [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
        )
    )
