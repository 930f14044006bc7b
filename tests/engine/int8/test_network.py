"""Networks with layers in int8: which ones, beside which floats, and what they answer."""

from __future__ import annotations

import re
import shutil
import weakref

import numpy as np
import pytest
import torch

from m2fp_cli.engine.fast import precision
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.precision import choose_dtype, rest_dtype
from m2fp_cli.engine.int8 import calibrate, convert
from m2fp_cli.engine.int8.calibrate import (
    calibrate_model,
    compare_results,
    measure_ranges,
    small_input,
)
from m2fp_cli.engine.int8.calibration import (
    LayerRanges,
    Range,
    store_calibration,
)
from m2fp_cli.engine.int8.choice import (
    BETWEEN_FLOATS,
    MOST_ERROR,
    kind_of,
)
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.int8.knapsack import choose_layers
from m2fp_cli.engine.int8.layers import Int8Conv, Int8Linear, Int8Sum
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ModelError, UsageError
from m2fp_cli.kernels import cpu
from m2fp_cli.kernels.threads import single_thread_up_to
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from tests.support.bfloat16 import PRODUCT_FORMATS, needs_bfloat16
from tests.support.family import photo_of_size


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


@needs_bfloat16
def test_float_layers_are_gone_before_those_of_the_other_format_are_made(tiny_model, monkeypatch):
    network = build_network(tiny_model, read_config(tiny_model))
    made: list[weakref.ref[FastM2FP]] = []

    def build(*given, **options):
        assert [one for one in made if one() is not None] == []
        fast = FastM2FP(*given, **options)
        made.append(weakref.ref(fast))
        return fast

    monkeypatch.setattr(convert, "FastM2FP", build)
    fast = quantize_network(network, {}, torch.bfloat16)
    assert (len(made), made[1]()) == (2, fast)


def test_means_of_another_width_are_refused(tiny_model):
    network = build_network(tiny_model, read_config(tiny_model))
    ranges = LayerRanges(Range(-1.0, 1.0), Range(-1.0, 1.0), (0.0,) * 3)
    with pytest.raises(ModelError, match="reads 3 channels, not"):
        quantize_network(network, {"pixel_decoder.mask_features": ranges})


@pytest.mark.slow
def test_a_calibrated_model_computes_what_it_did(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    photo = photo_of_size(70, 90)
    lines: list[str] = []
    with single_thread_up_to(64):  # a layer here is too small to share
        made = calibrate_model(tiny_model, [photo], [photo], tell=lines.append)
    assert made.photos == 1
    assert lines[0] == "photos measured: 1 of 1"
    assert any(re.fullmatch(r"layers tried: (\d+) of \1", line) for line in lines)
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


def test_a_calibration_is_of_the_weights_that_were_measured(tiny_model, tmp_path, monkeypatch):
    mine = shutil.copytree(tiny_model, tmp_path / "mine")
    measured = weights_digest(mine)

    def replace_weights(*_):
        (mine / "model.safetensors").unlink()  # the old file stays mapped
        (mine / "model.safetensors").write_bytes(b"those of another run")
        return {}, {}

    monkeypatch.setattr(calibrate, "measure_ranges", replace_weights)
    monkeypatch.setattr(calibrate, "measure_errors", lambda *_: {})
    assert calibrate_model(mine, [photo_of_size(40, 48)]).weights == measured


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


def test_no_other_layers_do_more_work_for_the_error_allowed():
    rng = np.random.default_rng(1)
    names = [f"layer {number}" for number in range(10)]
    for most in (0.01, 0.02, 0.03):
        errors = dict(zip(names, rng.uniform(0.001, 0.02, 10), strict=True))
        work = dict(zip(names, map(int, rng.integers(1, 1000, 10)), strict=True))
        chosen = choose_layers(errors, work, most)
        every = [[n for n in names if bits >> names.index(n) & 1] for bits in range(1 << 10)]
        allowed = [one for one in every if sum(errors[n] ** 2 for n in one) <= most**2]
        assert chosen in allowed
        best = max(sum(work[n] for n in one) for one in allowed)
        assert sum(work[n] for n in chosen) > 0.99 * best  # squares are rounded up


def test_a_network_alone_has_no_calibration():
    with pytest.raises(UsageError, match="int8 for a calibrated model's folder"):
        choose_dtype("int8")


def test_auto_never_means_int8(monkeypatch):
    for flags in ({"avx2"}, {"avx512_vnni"}, {"avx_vnni", "amx_int8"}):
        monkeypatch.setattr(cpu, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert cpu.settle_precision("auto") == "fp32"
        assert cpu.multiplies_int8() == (flags != {"avx2"})
