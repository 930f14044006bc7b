"""Steps, ranges and weights in whole numbers, and sums that fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.fast.products import PackedLinear
from m2fp_cli.engine.int8 import layers, saturation
from m2fp_cli.engine.int8.calibration import (
    Range,
)
from m2fp_cli.engine.int8.layers import most_weight
from m2fp_cli.engine.int8.rounding import (
    MOST_WEIGHT,
    MOST_WEIGHT_IN_16_BITS,
    choose_range,
    quantize_weights,
    steps_of,
)


def random(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("most", "least_error"), [(MOST_WEIGHT_IN_16_BITS, 0.02), (MOST_WEIGHT, 0.01)]
)
def test_weights_have_a_scale_for_each_channel(most, least_error):
    weight = random(6, 40, 3, 3) * torch.logspace(-4, 4, 6)[:, None, None, None]
    found = quantize_weights(weight, most)
    assert found.int_repr().abs().max() == most
    exact = weight.flatten(1)
    error = (found.dequantize().flatten(1) - exact).norm(dim=1) / exact.norm(dim=1)
    assert error.max() < least_error


def test_no_pair_of_products_can_saturate_16_bits(monkeypatch):
    assert np.iinfo(np.int16).max >= 2 * 255 * MOST_WEIGHT_IN_16_BITS
    dense = PackedLinear(random(8, 16), None, torch.float32)
    for exact, most in ((False, MOST_WEIGHT_IN_16_BITS), (True, MOST_WEIGHT)):
        monkeypatch.setattr(layers, "sums_are_exact", lambda exact=exact: exact)
        assert most_weight(dense) == most


def test_sums_are_tried_on_the_cpu_itself(monkeypatch):
    monkeypatch.setattr(saturation, "MOST_WEIGHT", MOST_WEIGHT_IN_16_BITS)  # fits on every CPU
    monkeypatch.setattr(saturation, "multiplies_int8", lambda: True)
    assert saturation.sums_are_exact.__wrapped__()
    monkeypatch.setattr(saturation, "multiplies_int8", lambda: False)
    assert not saturation.sums_are_exact.__wrapped__()


def test_a_range_cuts_rare_values_off_and_holds_zero():
    sample = np.random.default_rng(0).normal(0, 1, 400_000).astype(np.float32)
    span = choose_range(np.append(sample, np.float32(12)), float(sample.min()), 12.0)
    assert 3 < span.high < 11
    assert choose_range(sample + 50, 45.0, 55.0).low == 0
    assert steps_of(Range(-1.0, 1.0)).zero in (127, 128)
    assert steps_of(Range(0.0, 0.0)).scale > 0
