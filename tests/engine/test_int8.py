"""int8: layers against whole-number twins, ranges, calibrations as files, and the parser."""

from __future__ import annotations

import dataclasses
import json
import shutil
from operator import methodcaller

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine.fast import precision
from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.precision import choose_dtype, rest_dtype
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear
from m2fp_cli.engine.int8 import calibrate, calibration, layers, saturation
from m2fp_cli.engine.int8.calibrate import (
    calibrate_model,
    compare_results,
    measure_ranges,
    small_input,
)
from m2fp_cli.engine.int8.calibration import (
    Agreement,
    Calibration,
    LayerRanges,
    Range,
    find_calibration,
    read_calibration,
    store_calibration,
)
from m2fp_cli.engine.int8.choice import (
    BETWEEN_FLOATS,
    MOST_ERROR,
    candidates,
    choose_layers,
    kind_of,
)
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.int8.layers import Int8Conv, Int8Linear, Int8Sum, int8_twin, most_weight
from m2fp_cli.engine.int8.rounding import (
    MOST_WEIGHT,
    MOST_WEIGHT_IN_16_BITS,
    choose_range,
    quantize_weights,
    steps_of,
)
from m2fp_cli.engine.int8.torch_int8 import PackedWeights
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ModelError, UsageError
from m2fp_cli.kernels import cpu
from m2fp_cli.kernels.threads import single_thread_up_to
from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from tests.support.bfloat16 import PRODUCT_FORMATS
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


def small_calibration(**changes):
    ranges = {
        "backbone.stem.conv": LayerRanges(Range(-2.0, 2.5), Range(0.0, 6.0), (0.5, -1.25, 3e-05)),
        "backbone.stages.res2.0.sum": LayerRanges(Range(0.0, 6.0), Range(0.0, 6.0)),
    }
    one = Calibration("a" * 64, 7, Agreement(3, 0.995, 1.0, 0.01), ranges)
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
    beside = small_calibration(rest="bf16")
    assert read_calibration(store_calibration(beside)) == beside
    assert beside.digest() != wanted.digest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "m2fp-int8/9"}, "is not of the format"),
        ({"format": "m2fp-int8/1"}, "run m2fp models calibrate again"),
        ({"layers": {"x": {"ranges": [0, 1, 2]}}}, '"ranges" must be a list of 4 numbers'),
        ({"layers": {"x": {"ranges": [1, 2, 0, 3]}}}, '"ranges" must be a number from'),
        ({"layers": {"x": {"ranges": [0, 1, 0, 3], "means": [1e9]}}}, '"means" must be a number'),
        ({"layers": {"x": [0, 1, 0, 3]}}, '"x" must be an object'),
        ({"layers": {"x": {"ranges": [0, 0, 0, 0]}}}, "gives x an empty range.*calibrate again"),
        ({"layers": {"x": {"ranges": [-1, 1, 0, 0]}}}, "gives x an empty range"),
        ({"layers": {"x": {"ranges": [-1e-9, 0, 0, 1]}}}, "gives x an empty range"),
        ({"photos": 0}, '"photos" must be a whole number'),
        ({"rest": "int8"}, '"rest" must be fp32 or bf16'),
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


def test_a_layer_that_gives_only_zero_stays_in_float(tiny_model):
    network = build_network(tiny_model, read_config(tiny_model))
    parser = HumanParser.from_fast(FastM2FP(network, pack=False))
    with torch.no_grad():
        parser.network.get_submodule("pixel_decoder.mask_features").weight.zero_()
        parser.network.get_submodule("pixel_decoder.mask_features").bias.zero_()
    ranges, _ = measure_ranges(parser, [photo_of_size(70, 90)])
    assert ranges
    assert "pixel_decoder.mask_features" not in ranges
    assert not any(one.is_empty for one in ranges.values())


def test_a_calibration_of_other_weights_does_not_count(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="is not calibrated for int8; run m2fp models calibrate"):
        HumanParser(tiny_model, precision="int8")
    store_calibration(small_calibration(weights=weights_digest(tiny_model)))
    with pytest.raises(ModelError, match="calibration is of another network"):
        HumanParser(tiny_model, precision="int8")


def test_means_of_another_width_are_refused(tiny_model):
    network = build_network(tiny_model, read_config(tiny_model))
    ranges = LayerRanges(Range(-1.0, 1.0), Range(-1.0, 1.0), (0.0,) * 3)
    with pytest.raises(ModelError, match="reads 3 channels, not"):
        quantize_network(network, {"pixel_decoder.mask_features": ranges})


def test_the_users_own_calibration_comes_before_the_models(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    shipped = small_calibration(weights=weights_digest(model))
    (model / "int8.json").write_text(shipped.dump())
    assert find_calibration(model) == shipped
    own = dataclasses.replace(shipped, photos=9)
    store_calibration(own)
    assert find_calibration(model) == own
    (model / "int8.json").write_text("damaged")
    assert find_calibration(model) == own


def test_a_calibration_of_an_older_format_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    path = store_calibration(small_calibration())
    path.write_text(path.read_text().replace("m2fp-int8/2", "m2fp-int8/1"))
    assert read_calibration(store_calibration(small_calibration())) == small_calibration()


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


@pytest.mark.parametrize("dtype", PRODUCT_FORMATS)
def test_layers_in_int8_stand_beside_any_float(tiny_model, dtype):
    network = build_network(tiny_model, read_config(tiny_model))
    exact = FastM2FP(network, pack=False)
    photo = photo_of_size(70, 90)
    ranges, _ = measure_ranges(HumanParser.from_fast(exact), [photo])
    # Every second layer, so that whole numbers and floats meet in both orders.
    some = {name: one for i, (name, one) in enumerate(ranges.items()) if i % 2}
    mixed = quantize_network(network, some, dtype)
    kinds = {type(layer) for layer in mixed.modules()}
    assert {Int8Conv, Int8Linear, Int8Sum} <= kinds
    whole = {name for name, layer in mixed.named_modules() if isinstance(layer, Int8Linear)}
    between = {name for name in some if kind_of(name) in BETWEEN_FLOATS}
    assert whole & between == (between if dtype is torch.float32 else set())
    image = small_input(photo, exact.config)
    with torch.inference_mode():
        (wanted, *_), (found, *_) = (
            one.pixel_decoder(one.backbone(image)) for one in (exact, mixed)
        )
    assert found.dtype is dtype
    assert (found - wanted).norm() < 0.1 * wanted.norm()


@pytest.mark.parametrize(("least", "rest"), [(0.0, "bf16"), (1.1, "fp32")])
def test_float32_stands_beside_int8_where_bfloat16_is_too_rough(
    tiny_model, monkeypatch, least, rest
):
    monkeypatch.setattr(calibrate, "has_fast_bfloat16", lambda: True)
    monkeypatch.setattr(calibrate, "LEAST_AGREEMENT", least)
    photo = photo_of_size(40, 48)
    with single_thread_up_to(64):
        made = calibrate_model(tiny_model, [photo], [photo], most_error=0.0)
    assert made.rest == rest
    assert made.agreement is not None


def test_bfloat16_beside_int8_needs_its_units(monkeypatch):
    for units, beside in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "has_fast_bfloat16", lambda units=units: units)
        assert rest_dtype("bf16") is beside
        assert rest_dtype("fp32") is torch.float32


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


def test_a_strided_convolution_takes_photos_of_all_sizes():
    plain = PackedConv(random(512, 256, 1, 1), None, ((2, 2), (0, 0), (1, 1), 1), torch.float32)
    layer = int8_twin(plain, LayerRanges(Range(-4.0, 4.0), Range(-80.0, 80.0)))
    for height, width in ((48, 64), (32, 24), (48, 64)):  # with AVX-512, of two layouts
        x = random(1, 256, height, width).contiguous(memory_format=torch.channels_last)
        assert (layer(x) - plain(x)).norm() < 0.05 * plain(x).norm()
