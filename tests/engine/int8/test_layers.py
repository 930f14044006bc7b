"""Layers in int8 against whole-number twins and their float layers."""

from __future__ import annotations

import threading
from operator import methodcaller

import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear
from m2fp_cli.engine.int8.calibration import (
    LayerRanges,
    Range,
)
from m2fp_cli.engine.int8.layers import Int8Conv, Int8Linear, Int8Sum, int8_twin, most_weight
from m2fp_cli.engine.int8.rounding import (
    quantize_weights,
    steps_of,
)
from m2fp_cli.engine.int8.torch_int8 import LIBRARY, PackedWeights, int8_library

GENERATOR = torch.Generator().manual_seed(0)


SOURCE, TARGET = Range(-1.0, 3.0), Range(-20.0, 30.0)


def random(*size):
    return torch.randn(size, generator=GENERATOR)


def quantized(values, span):
    return torch.quantize_per_tensor(values, *steps_of(span), torch.quint8)


def whole_number_twin(x, plain, source, target):
    """The convolution in whole numbers of 64 bits, then one rounding to a step of the target."""
    weight = quantize_weights(plain.weight, most_weight(plain))
    scales = weight.q_per_channel_scales()
    numbers = x.int_repr().long() - x.q_zero_point()
    sums = F.conv2d(numbers.double(), weight.int_repr().double(), None, *plain.geometry)
    bias = torch.round(plain.bias.double() / (source.scale * scales))
    real = (sums + bias[:, None, None]) * (source.scale * scales)[:, None, None]
    lowest = target.zero if plain.relu or plain.ceiling else 0
    return (torch.round(real / target.scale) + target.zero).clamp(lowest, 255)


@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "groups", "options"),
    [
        (64, 3, 1, 1, {"relu": True}),
        (64, 1, 2, 1, {}),
        (48, 5, 1, 48, {"ceiling": 6.0}),
        (8, 3, 2, 1, {"relu": True}),
    ],
)
def test_a_convolution_equals_its_whole_number_twin(channels, kernel, stride, groups, options):
    weight = random(32 if groups == 1 else groups, channels // groups, kernel, kernel)
    weight[:, :, 0] = 9.0  # the largest weights side by side, where 16 bits would saturate
    geometry = ((stride, stride), (kernel // 2, kernel // 2), (1, 1), groups)
    plain = PackedConv(
        weight, random(len(weight)), geometry, torch.float32, chained=True, **options
    )
    values = torch.full((1, channels, 9, 11), 3.0) + random(1, channels, 9, 11)
    x = quantized(values.contiguous(memory_format=torch.channels_last), SOURCE)
    span = Range(-20.0 * channels, 30.0 * channels)
    found = Int8Conv(plain, LayerRanges(SOURCE, span))(x).int_repr()
    wanted = whole_number_twin(x, plain, steps_of(SOURCE), steps_of(span))
    assert (x.int_repr() == 255).float().mean() > 0.3
    assert (found - wanted).abs().max() <= 1  # a value in the middle of two steps
    assert (found != wanted).float().mean() < 0.005


def test_a_layer_reads_and_gives_what_its_neighbors_need():
    linear = torch.nn.Linear(16, 24)
    x = random(37, 16)
    wanted = linear(x.clamp(*SOURCE)).detach()
    for chained in (False, True):
        plain = PackedLinear.of(linear, torch.float32, chained=chained)
        layer = Int8Linear(plain, LayerRanges(SOURCE, Range(-4.0, 4.0)))
        for given in (x.clamp(*SOURCE), quantized(x, SOURCE)):
            out = layer(given)
            assert out.is_quantized == chained
            assert (out.dequantize() - wanted).abs().max() < 0.1


@pytest.mark.parametrize("relu", [False, True])
def test_a_layer_between_floats_uses_the_range_of_its_input(relu):
    plain = PackedLinear(random(24, 64), random(24), torch.float32, relu=relu)
    layer = Int8Linear(plain, LayerRanges(Range(-1e3, 1e3), Range(-1e3, 1e3)))  # far too wide
    rows = random(50, 64)
    wanted = plain(rows)
    assert (layer(rows) - wanted).norm() < 0.02 * wanted.norm()


def test_a_dense_layer_of_a_map_keeps_the_pixels_in_place():
    plain = PackedConv(random(24, 16, 1, 1), None, ((1, 1), (0, 0), (1, 1), 1), torch.float32)
    x = random(1, 16, 5, 7).contiguous(memory_format=torch.channels_last)
    out = int8_twin(plain, LayerRanges(SOURCE, TARGET))(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert (out - plain(x)).norm() < 0.02 * plain(x).norm()


def test_the_bias_makes_up_for_what_rounding_adds_to_the_mean():
    plain = PackedLinear(random(24, 64), random(24), torch.float32)
    rows = random(4000, 64).abs() + 5.0
    wanted = plain(rows).mean(0)
    means = tuple(rows.mean(0).tolist())
    ranges = LayerRanges(SOURCE, TARGET)
    errors = [
        (Int8Linear(plain, one)(rows).mean(0) - wanted).abs().mean()
        for one in (ranges, ranges._replace(means=means))
    ]
    assert errors[1] < 0.1 * errors[0]


@pytest.mark.parametrize("relu", [False, True])
def test_sums_are_rounded_once(relu):
    one, other = random(1, 8, 5, 6), random(1, 8, 5, 6)
    pair = quantized(one, SOURCE), quantized(other, Range(-3.0, 2.0))
    layer = Int8Sum(ResidualSum(torch.float32, relu=relu), LayerRanges(SOURCE, TARGET))
    exact = pair[0].dequantize() + pair[1].dequantize()
    wanted = quantized(exact.relu() if relu else exact, TARGET)
    assert (layer(*pair).int_repr() - wanted.int_repr().long()).abs().max() <= 1
    assert torch.equal(layer(pair[0], pair[1].dequantize()).int_repr(), wanted.int_repr())


class OneSize:
    """Packed weights that serve one size of input only."""

    def __init__(self, weight, bias):
        self.weight, self.size = weight, None

    def unpack(self):
        return self.weight, None

    def compute(self, x):
        self.size = self.size or len(x)
        if len(x) != self.size:
            raise RuntimeError("could not create a primitive descriptor")
        return self.weight * x.sum()


def test_weights_are_packed_again_once_for_each_layout():
    made: list[OneSize] = []

    def pack(weight, bias):
        made.append(OneSize(weight, bias))
        return made[-1]

    weights = PackedWeights(pack, torch.ones(1), None)
    for given in map(torch.ones, (1, 2, 1, 2, 2, 1)):
        assert weights.run(methodcaller("compute", given)) == len(given)
    assert len(made) == 2


def test_packed_weights_are_used_by_one_thread_at_a_time():
    weights = PackedWeights(OneSize, torch.ones(1), None)
    second_began = threading.Event()
    second = threading.Thread(target=weights.run, args=(lambda _: second_began.set(),))

    def compute(_packed):
        second.start()
        return second_began.wait(0.2)

    assert not weights.run(compute)
    second.join()
    assert second_began.is_set()


def test_threads_that_pack_leave_torchs_library_as_it_was():
    before, chosen = torch.backends.quantized.engine, []
    second_is_in, first_is_out = threading.Event(), threading.Event()

    def pack():
        with int8_library():
            second_is_in.set()
            first_is_out.wait()
            chosen.append(torch.backends.quantized.engine)

    second = threading.Thread(target=pack)
    with int8_library():
        second.start()
        second_is_in.wait(0.2)
    first_is_out.set()
    second.join()
    assert (chosen, torch.backends.quantized.engine) == ([LIBRARY], before)


def test_a_strided_convolution_takes_photos_of_all_sizes():
    plain = PackedConv(random(512, 256, 1, 1), None, ((2, 2), (0, 0), (1, 1), 1), torch.float32)
    layer = int8_twin(plain, LayerRanges(Range(-4.0, 4.0), Range(-80.0, 80.0)))
    for height, width in ((48, 64), (32, 24), (48, 64)):  # with AVX-512, of two layouts
        x = random(1, 256, height, width).contiguous(memory_format=torch.channels_last)
        assert (layer(x) - plain(x)).norm() < 0.05 * plain(x).norm()
