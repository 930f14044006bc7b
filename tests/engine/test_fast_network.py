"""The rearranged network against the plain one, and its compiled loop against torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from m2fp_cli.engine.fast import precision
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.norms import normalize_groups
from m2fp_cli.engine.fast.sampling import sample_fused
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.engine.random_model import build_sharpened, write_model
from m2fp_cli.errors import EngineError, UsageError
from m2fp_cli.kernels import cpu
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.deformable_attention import reference_points
from m2fp_cli.network.m2fp import M2FP
from tests.support.bfloat16 import needs_bfloat16
from tests.support.family import photo_of_size, single_human_document, small_document
from tests.support.plain_sampling import sample_plainly

HEADS, LEVELS, POINTS, DEPTH = 3, 3, 4, 5
SHAPES = [(3, 4), (6, 7), (1, 9)]
TABLE = np.array([(3, 4, 0), (6, 7, 12), (1, 9, 54)], dtype=np.int64)

DOCUMENTS = {
    "usual": small_document(),
    "pre-norm, projected": small_document(
        decoder={"pre_norm": True, "hidden_dim": 64, "enforce_input_project": True}
    ),
    "dilated": small_document(backbone={"res5_dilation": 2, "res5_multi_grid": [1, 2, 4]}),
    "group norm": small_document(
        backbone={
            "norm": "GN",
            "stem_out_channels": 64,
            "width_per_group": 32,
            "res2_out_channels": 64,
        }
    ),
    "two pyramid steps": small_document(encoder={"common_stride": 4, "transformer_enc_layers": 1}),
    "single human": single_human_document(),
    "lite": small_document(backbone={"kind": "efficientnet_lite2"}),
}
USUAL = ("usual", "single human", "lite")  # what the models that everybody has are like


def sampling_inputs(spread: float) -> dict[str, Any]:
    """Values and points; ``spread`` is how far offsets reach, in pixels."""
    generator = torch.Generator().manual_seed(11)
    length, samples = 63, HEADS * LEVELS * POINTS
    points = torch.randn(length, samples * 3, generator=generator)
    points[:, : samples * 2] *= spread
    return {
        "value": torch.randn(length, HEADS * DEPTH + 2, generator=generator).numpy(),
        "points": points.T.contiguous().numpy(),
        "bias": torch.randn(samples * 3, generator=generator).numpy(),
        "reference": reference_points(SHAPES).numpy(),
        "shapes": TABLE,
        "heads_depth": (HEADS, DEPTH),
    }


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 30.0])
def test_compiled_sampling_equals_torch(spread):
    inputs = sampling_inputs(spread)
    fused = sample_fused(**inputs, threads=1)
    assert np.abs(fused - sample_plainly(**inputs)).max() < 2e-5
    assert np.abs(fused).max() > 0.1


def test_threads_change_nothing():
    inputs = sampling_inputs(2.0)
    alone = sample_fused(**inputs, threads=1)
    assert np.array_equal(alone, sample_fused(**inputs, threads=3))


@pytest.mark.parametrize(
    "name", [n if n in USUAL else pytest.param(n, marks=pytest.mark.slow) for n in DOCUMENTS]
)
def test_rearranged_network_gives_the_same_output(name):
    photo = photo_of_size(120, 170)
    network = build_sharpened(DOCUMENTS[name], photo)
    images = prepare_image(photo, network.config.input).tensor
    with torch.no_grad():
        plain, fast = network(images), FastM2FP(network)(images)
    assert relative_difference(fast.class_logits, plain.class_logits) < 1e-4
    assert relative_difference(fast.mask_logits, plain.mask_logits) < 1e-4


def relative_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / (other.max() - other.min()))


@pytest.mark.parametrize("name", ["pre-norm, projected", "group norm", "lite"])
def test_the_network_can_be_trained_on_and_shares_nothing(name):
    network = M2FP(parse_config(DOCUMENTS[name]))
    fast = FastM2FP(network)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    theirs = {parameter.data_ptr() for parameter in network.parameters()}
    assert not any(tensor.data_ptr() in theirs for tensor in fast.state_dict().values())


def test_a_second_size_after_the_first_is_right_too():
    network = build_sharpened(small_document(), photo_of_size(120, 170))
    fast = FastM2FP(network)
    for height, width in ((120, 170), (170, 120), (120, 170)):
        images = prepare_image(photo_of_size(height, width), network.config.input).tensor
        with torch.no_grad():
            difference = relative_difference(fast(images).mask_logits, network(images).mask_logits)
        assert difference < 1e-4


@needs_bfloat16
def test_bfloat16_is_close():
    photo = photo_of_size(120, 170)
    torch.manual_seed(0)
    network = build_sharpened(small_document(), photo)
    images = prepare_image(photo, network.config.input).tensor
    with torch.no_grad():
        rough = FastM2FP(network, torch.bfloat16).backbone(images)
        exact = network.backbone(images)
    for name, features in exact.items():
        assert relative_difference(rough[name].float(), features) < 0.05


def test_precision_names():
    assert precision.choose_dtype("fp32") is torch.float32
    with pytest.raises(UsageError, match="precision must be one of"):
        precision.choose_dtype("int8")


@pytest.mark.parametrize("able", [True, False])
def test_bfloat16_is_refused_where_the_cpu_cannot(able, monkeypatch):
    monkeypatch.setattr(precision, "supports_bfloat16", lambda: able)
    monkeypatch.setattr(precision, "_products_agree", lambda: True)
    if able:
        assert precision.choose_dtype("bf16") is torch.bfloat16
        return
    with pytest.raises(EngineError, match="use --precision fp32"):
        precision.choose_dtype("bf16")


_PRECISIONS_HERE = """
import torch
from m2fp_cli.engine.fast import precision
from m2fp_cli.errors import EngineError

precision.settle_precision, precision.supports_bfloat16 = lambda _: "bf16", lambda: True
assert precision.choose_dtype("auto") is precision.rest_dtype("bf16") is torch.float32
try:
    precision.choose_dtype("bf16")
except EngineError as error:
    print(error)
"""


@needs_bfloat16
def test_auto_is_float32_where_onednn_is_kept_from_bfloat16():
    limited = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", _PRECISIONS_HERE]
    done = subprocess.run(command, env=limited, capture_output=True, text=True, check=True)
    assert "torch fails to multiply in bfloat16" in done.stdout


def test_auto_is_float32_without_bfloat16_units(monkeypatch):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset({"avx2"}))
    precision.has_fast_bfloat16.cache_clear()
    assert precision.choose_dtype("auto") is torch.float32
    precision.has_fast_bfloat16.cache_clear()


def test_group_norm_in_place_is_exact_where_channels_hardly_vary():
    torch.manual_seed(0)
    norm = torch.nn.GroupNorm(4, 16)
    torch.nn.init.normal_(norm.weight)
    rows = torch.randn(9000, 16).mul(1e-3).add(torch.arange(16.0))
    exact = norm.double()(rows.double().T[None])[0].T
    normalize_groups(rows, norm.float())
    assert (rows - exact).abs().max() < 1e-4


def test_the_weights_file_is_let_go_after_loading(tmp_path):
    document = small_document()
    write_model(tmp_path, build_sharpened(document, photo_of_size(120, 170)), document)
    parser = HumanParser(tmp_path)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert parser.parse(photo_of_size(60, 80)).semantic_map.shape == (60, 80)
