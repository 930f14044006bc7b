"""The compiled sampling of training against torch's own operations and their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from m2fp_cli.network.deformable_attention import DeformableAttention, sample_points
from m2fp_cli.training.sampling import compile_sampling, sample_compiled

SHAPES = [(2, 3), (4, 6), (1, 1)]
LENGTH = sum(height * width for height, width in SHAPES)


@pytest.fixture
def given() -> list[Tensor]:
    """Values, places (a quarter of them outside the maps, some on borders), weights."""
    torch.manual_seed(3)
    places = torch.rand(2, LENGTH, 3, len(SHAPES), 4, 2).mul(1.6).sub(0.3)
    places[:, 0], places[:, 1] = 0.0, 1.0
    values, weights = torch.randn(2, LENGTH, 3, 8), torch.rand(places.shape[:-1])
    return [part.requires_grad_() for part in (values, places, weights)]


def results(sample, values, places, weights) -> list[Tensor]:
    """What a way of sampling gives, and the gradients of all that it is given."""
    out = sample(values, SHAPES, places, weights)
    pull = torch.linspace(-1, 1, out.numel()).view(out.shape)
    return [out, *torch.autograd.grad(out, (values, places, weights), pull)]


def test_samples_and_gradients_are_those_of_the_portable_form(given):
    wanted = results(sample_points, *given)
    for ours, theirs in zip(results(sample_compiled, *given), wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_heads_of_other_widths_are_sampled_too(given):
    values = given[0][..., :6].contiguous()
    ours, theirs = (s(values, SHAPES, *given[1:]) for s in (sample_compiled, sample_points))
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_strides_of_what_is_given_do_not_matter(given):
    turned = [given[0].transpose(1, 2).contiguous().transpose(1, 2), *given[1:]]
    wanted = results(sample_compiled, *given)
    for ours, theirs in zip(results(sample_compiled, *turned), wanted, strict=True):
        assert torch.equal(ours, theirs)


def test_all_attention_of_a_model_takes_it():
    model = torch.nn.Sequential(torch.nn.Identity(), DeformableAttention(16, 3, 2))
    compile_sampling(model)
    attention = model[1]
    assert isinstance(attention, DeformableAttention)
    assert attention.sample is sample_compiled
