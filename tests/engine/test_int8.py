"""int8: layers against whole-number twins, ranges, calibrations as files, and the parser."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.precision import choose_dtype
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear
from m2fp_cli.engine.int8 import calibration
from m2fp_cli.engine.int8.calibrate import calibrate_model, compare_results, small_input
from m2fp_cli.engine.int8.calibration import (
    Agreement,
    Calibration,
    LayerRanges,
    Range,
    find_calibration,
    read_calibration,
    store_calibration,
)
from m2fp_cli.engine.int8.choice import MOST_ERROR, candidates, choose_layers, kind_of
from m2fp_cli.engine.int8.layers import Int8Conv, Int8Linear, Int8Sum, most_weight
from m2fp_cli.engine.int8.rounding import (
    MOST_WEIGHT,
    choose_range,
    quantize_weights,
    steps_of,
)
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ModelError, UsageError
from m2fp_cli.kernels import cpu
from m2fp_cli.kernels.threads import single_thread_up_to
from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.models.weights import weights_digest
from tests.support.family import photo_of_size

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
    found = Int8Conv(plain, SOURCE, span)(x).int_repr()
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
        layer = Int8Linear(plain, SOURCE, Range(-4.0, 4.0))
        out = layer(x)
        assert out.is_quantized == chained
        assert torch.equal(layer(quantized(x, SOURCE)).dequantize(), out.dequantize())
        assert (out.dequantize() - wanted).abs().max() < 0.1


@pytest.mark.parametrize("relu", [False, True])
def test_sums_are_rounded_once(relu):
    one, other = random(1, 8, 5, 6), random(1, 8, 5, 6)
    pair = quantized(one, SOURCE), quantized(other, Range(-3.0, 2.0))
    layer = Int8Sum(ResidualSum(relu=relu), TARGET)
    exact = pair[0].dequantize() + pair[1].dequantize()
    wanted = quantized(exact.relu() if relu else exact, TARGET)
    assert (layer(*pair).int_repr() - wanted.int_repr().long()).abs().max() <= 1
    assert torch.equal(layer(pair[0], pair[1].dequantize()).int_repr(), wanted.int_repr())


def test_no_pair_of_products_can_saturate_16_bits():
    assert np.iinfo(np.int16).max >= 2 * 255 * MOST_WEIGHT
    weight = random(6, 40, 3, 3) * torch.logspace(-4, 4, 6)[:, None, None, None]
    found = quantize_weights(weight)
    assert found.int_repr().abs().max() == MOST_WEIGHT
    exact = weight.flatten(1)
    error = (found.dequantize().flatten(1) - exact).norm(dim=1) / exact.norm(dim=1)
    assert error.max() < 0.02  # each channel has a scale of its own


def test_a_range_cuts_rare_values_off_and_holds_zero():
    sample = np.random.default_rng(0).normal(0, 1, 400_000).astype(np.float32)
    span = choose_range(np.append(sample, np.float32(12)), float(sample.min()), 12.0)
    assert 3 < span.high < 11
    assert choose_range(sample + 50, 45.0, 55.0).low == 0
    assert steps_of(Range(-1.0, 1.0)).zero in (127, 128)
    assert steps_of(Range(0.0, 0.0)).scale > 0


def small_calibration(**changes):
    layers = {"backbone.stem.conv": LayerRanges(Range(-2.0, 2.5), Range(0.0, 6.0))}
    one = Calibration("a" * 64, 7, Agreement(3, 0.995, 1.0, 0.01), layers)
    return dataclasses.replace(one, **changes)


def test_a_calibration_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    wanted = small_calibration()
    path = store_calibration(wanted)
    assert path.name == f"{'a' * 64}.json"
    assert read_calibration(path) == wanted
    store_calibration(small_calibration(agreement=None))
    assert read_calibration(path).digest() == wanted.digest()
    assert small_calibration(weights="b").digest() != wanted.digest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "m2fp-int8/9"}, "is not of the format"),
        ({"layers": {"x": [0, 1, 2]}}, '"x" must be a list of 4 numbers'),
        ({"layers": {"x": [1, 2, 0, 3]}}, '"x" must be a number from'),
        ({"photos": 0}, '"photos" must be a whole number'),
        ({"agreement": {"photos": 1, "labels": 2}}, '"labels" must be a number from 0 to 1'),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path, change, reason):
    path = tmp_path / "int8.json"
    path.write_text(json.dumps(json.loads(small_calibration().dump()) | change))
    with pytest.raises(ModelError, match=reason):
        read_calibration(path)
    path.write_text("{")
    with pytest.raises(ModelError, match="is not valid JSON"):
        read_calibration(path)


def test_a_calibration_of_other_weights_does_not_count(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="is not calibrated for int8; run m2fp models calibrate"):
        HumanParser(tiny_model, precision="int8")
    store_calibration(small_calibration(weights=weights_digest(tiny_model)))
    with pytest.raises(ModelError, match="calibration is of another network"):
        HumanParser(tiny_model, precision="int8")


@pytest.mark.slow
def test_a_calibrated_model_computes_what_it_did(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    photo = photo_of_size(70, 90)
    with single_thread_up_to(64):  # a layer here is too small to share
        made = calibrate_model(tiny_model, [photo], [photo])
    assert made.photos == 1
    assert made.agreement is not None
    assert {kind_of(name) for name in made.layers} >= {"res5", "encoder linear1", "decoder value"}
    assert not {kind_of(name) for name in made.layers} & {"decoder query"}
    store_calibration(made)
    parser, exact = HumanParser(tiny_model, precision="int8"), HumanParser(tiny_model)
    assert parser.network.format_name == "int8"
    found = compare_results([(parser.parse(photo), exact.parse(photo))])
    assert tuple(found) == pytest.approx(tuple(made.agreement))
    image = small_input(photo, exact.config)
    with torch.inference_mode():
        features = [
            one.network.pixel_decoder(one.network.backbone(image))[0] for one in (parser, exact)
        ]
    assert (features[0] - features[1]).norm() < 2 * MOST_ERROR * features[1].norm()


def test_layers_that_cost_much_for_little_work_stay_in_float():
    errors = {"small": 0.003, "dear": 0.02, "large": 0.02, "free": 0.0}
    work = {"small": 10, "dear": 10, "large": 10_000, "free": 0}
    assert choose_layers(errors, work, 0.021) == ["small", "large", "free"]
    assert choose_layers(errors, work, 0.5) == [*errors]
    assert choose_layers(errors, work, 0.001) == ["free"]


def test_a_network_alone_has_no_calibration():
    with pytest.raises(UsageError, match="int8 for a calibrated model's folder"):
        choose_dtype("int8")


def test_auto_never_means_int8(monkeypatch):
    for flags in ({"avx2"}, {"avx512_vnni"}, {"avx_vnni", "amx_int8"}):
        monkeypatch.setattr(cpu, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert cpu.settle_precision("auto") == "fp32"
        assert cpu.multiplies_int8() == (flags != {"avx2"})


def test_the_starter_comes_calibrated(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "cache_root", lambda: tmp_path)
    found = find_calibration(STARTER_FOLDER)
    assert found.agreement is not None
    assert found.agreement.labels > 0.99
    assert candidates(found.layers) == [*found.layers]
