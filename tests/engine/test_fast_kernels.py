"""Compiled passes and packed weights against torch's plain operations."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine.fast import products
from m2fp_cli.engine.fast.attention import blocked_positions, softmax_numerators_
from m2fp_cli.engine.fast.elementwise import Steps, add_, add_maps, convert, empty_like
from m2fp_cli.engine.fast.norms import _normalize_rows, add_and_normalize_, normalize_groups
from m2fp_cli.engine.fast.pooling import max_pool
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear
from m2fp_cli.engine.fast.sampling import _sampler, sample_fused
from m2fp_cli.engine.fast.scaling import scale_features
from m2fp_cli.kernels.compiled import compiled_exactly
from m2fp_cli.kernels.formats import as_array, as_tensor, exponential, load, store
from m2fp_cli.kernels.threads import single_thread_up_to
from m2fp_cli.network.deformable_attention import reference_points
from tests.support.bfloat16 import PRODUCT_FORMATS
from tests.support.plain_sampling import sample_plainly

FORMATS = {torch.float32: 2e-6, torch.bfloat16: 2**-8}  # relative error of one rounding, at most


@compiled_exactly
def copied(source, target, exponentiate):
    for i in range(len(source)):
        value = load(source[i])
        store(target, i, exponential(value) if exponentiate else value)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_loops_round_to_bfloat16_as_torch_does():
    values = random(4000).mul(random(4000, seed=1).mul(20).exp())
    target = torch.empty(4000, dtype=torch.bfloat16)
    copied(as_array(values), as_array(target), False)
    assert torch.equal(target, values.bfloat16())
    copied(as_array(target), as_array(values), False)
    assert torch.equal(values, target.float())


def test_raw_memory_is_shared_and_becomes_a_tensor_again():
    tensor = random(3, 4).bfloat16()
    as_array(tensor)[1, 2] = 0
    assert tensor[1, 2] == 0
    assert torch.equal(as_tensor(as_array(tensor)), tensor)
    numbers = torch.quantize_per_tensor(random(6, 4), 0.1, 7, torch.quint8)
    as_array(numbers[2:5])[1, 2] = 99
    assert numbers.int_repr()[3, 2] == 99


def test_exponential_is_exact_to_float32():
    x = np.linspace(-87, 0, 100_001, dtype=np.float32)
    y = np.empty_like(x)
    copied(x, y, True)
    error = np.abs(y / np.exp(x.astype(np.float64)) - 1)
    assert (error < 5e-7 - 1e-7 * x).all()
    copied(np.array([-1e30], np.float32), y[:1], True)
    assert 0 <= y[0] < 1e-37


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("located", [False, True])
def test_sum_and_layer_norm(dtype, located):
    x, change, positions = random(131, 40), random(131, 40, seed=1).to(dtype), random(131, 40)
    norm = torch.nn.LayerNorm(40)
    torch.nn.init.normal_(norm.weight)
    norm.requires_grad_(False)
    wanted = norm(x + change.float())
    plain, second = torch.empty(2, 131, 40, dtype=dtype)
    add_and_normalize_(x, change, norm, plain, *((second, positions) if located else ()))
    assert torch.allclose(x, wanted, atol=1e-5)
    assert torch.equal(plain, x.to(dtype))
    if located:
        assert torch.allclose(second.float(), x + positions, rtol=FORMATS[dtype], atol=1e-6)


def test_layer_norm_reads_and_writes_whole_numbers():
    x, norm = random(131, 40), torch.nn.LayerNorm(40).requires_grad_(False)
    change = torch.quantize_per_tensor(random(131, 40, seed=1), 0.02, 130, torch.quint8)
    wanted = norm(x + change.dequantize())
    plain = empty_like(x, Steps(0.03, 120))
    add_and_normalize_(x, change, norm, plain)
    assert torch.allclose(x, wanted, atol=1e-5)
    assert torch.equal(plain, torch.quantize_per_tensor(x, 0.03, 120, torch.quint8))


@numba.njit
def normalized_far_and_near(row, change, ones, zeros):
    """The same row in two places: the second time, the loop's own memory lies right behind it."""
    one, zero = np.float32(1), np.float32(0)
    far = np.empty((1, len(row)), np.float32)
    held = [np.empty((1, len(row)), np.float32) for _ in range(400)]  # fills the heap's holes
    for x in (far, held[-1]):
        x[0] = row
        _normalize_rows(
            x, change, one, zero, ones, zeros, x, one, zero, x, x, 1e-5, False, False, 0, 1
        )
    return far[0], held[-1][0]


@pytest.mark.slow
def test_a_norm_does_not_depend_on_where_memory_lies():
    ones, zeros = np.ones(24, np.float32), np.zeros(24, np.float32)
    for seed in range(50):
        row, change = random(2, 1, 24, seed=seed).numpy()
        far, near = normalized_far_and_near(row[0], change, ones, zeros)
        assert np.array_equal(far, near)


QUANTIZED = Steps(0.04, 101)
HELD = (torch.float32, torch.bfloat16, QUANTIZED)


def held(values, form):
    if isinstance(form, Steps):
        return torch.quantize_per_tensor(values, *form, torch.quint8)
    return values.to(form)


def plain_values(x):
    return x.dequantize() if x.is_quantized else x.float()


@pytest.mark.parametrize("target", HELD)
@pytest.mark.parametrize("source", HELD)
@pytest.mark.parametrize("shape", [(37, 24), (1, 8, 5, 6)])
def test_values_change_their_format(source, target, shape):
    x = held(random(*shape).mul(4), source)
    x = x.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else x
    found, wanted = convert(x, target), held(plain_values(x), target)
    assert found.stride() == x.stride()
    assert found.dtype == wanted.dtype
    assert torch.equal(plain_values(found), plain_values(wanted))


@pytest.mark.parametrize("target", HELD)
@pytest.mark.parametrize("formats", [(QUANTIZED, torch.bfloat16), (torch.float32, QUANTIZED)])
@pytest.mark.parametrize("relu", [False, True])
def test_maps_of_two_formats_are_added(target, formats, relu):
    one, other = (held(channels_last(1, 8, 5, 6, seed=i), form) for i, form in enumerate(formats))
    exact = plain_values(one) + plain_values(other)
    wanted = plain_values(held(exact.relu() if relu else exact, target))
    found = add_maps(one, other, target, relu=relu)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(plain_values(found), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", [(1, 24, 7, 5), (1, 64, 8, 8), (1, 3, 2, 2)])
def test_maps_of_one_format_are_added_in_place(dtype, relu, shape):
    x, shortcut = (channels_last(*shape, seed=seed).to(dtype) for seed in range(2))
    wanted = (x + shortcut).relu() if relu else x + shortcut
    assert add_(x, shortcut, relu=relu).data_ptr() == x.data_ptr()
    assert torch.equal(x, wanted)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("relu", [False, True])
def test_a_sum_keeps_what_is_no_number(dtype, relu):
    x = torch.full((1, 40, 1, 1), float("nan"), dtype=dtype)
    assert add_(x, torch.ones_like(x), relu=relu).isnan().all()


def test_a_sum_is_right_where_the_map_does_not_lie_channels_last():
    x, shortcut = random(1, 8, 4, 4), channels_last(1, 8, 4, 4, seed=1)
    wanted = x + shortcut
    assert torch.equal(add_(x, shortcut, relu=False), wanted)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("channels", [24, 40, 64])
def test_group_norm(dtype, relu, channels):
    rows, norm = random(700, channels).add(3).to(dtype), torch.nn.GroupNorm(4, channels)
    torch.nn.init.normal_(norm.bias)
    wanted = norm(rows.float().T[None])[0].T.detach()
    wanted = wanted.relu() if relu else wanted
    found = normalize_groups(rows, norm, relu=relu).float()
    assert torch.allclose(found, wanted, rtol=FORMATS[dtype], atol=1e-5)


def test_group_norm_is_the_same_for_any_number_of_threads():
    norm, threads, found = torch.nn.GroupNorm(4, 24), torch.get_num_threads(), []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(normalize_groups(random(700, 24), norm))
    torch.set_num_threads(threads)
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "length", [5, 150, 160]
)  # all, six and none of them beyond the last sixteen
@pytest.mark.parametrize("dtype", FORMATS)
def test_masked_softmax(dtype, length):
    scores = random(3, 7, length).mul(9).to(dtype)
    blocked = torch.gt(random(7, length, seed=1), 0.4)
    blocked[:, 1] = False
    wanted = scores.float().masked_fill(blocked, -torch.inf).softmax(-1)
    totals = softmax_numerators_(scores, blocked)
    assert torch.allclose(scores.float() / totals, wanted, rtol=FORMATS[dtype] * 2, atol=1e-6)
    assert not scores[:, blocked].any()
    assert torch.allclose(totals, scores.float().sum(-1, keepdim=True))


def test_scores_far_apart_and_far_from_zero():
    scores = torch.tensor([[[-1e4, 2e4, 2e4, -3e38] * 8]])
    totals = softmax_numerators_(scores, torch.zeros(1, 32, dtype=torch.bool))
    assert torch.allclose(scores, torch.tensor([0.0, 1, 1, 0] * 8), atol=1e-37)
    assert totals.item() == 16


def test_a_mask_leaves_out_what_is_negative_but_never_everything():
    logits = random(40, 150)
    logits[7], logits[8] = -1.0, 0.0
    wanted = torch.lt(logits, 0)
    wanted[7] = False
    assert torch.equal(blocked_positions(logits), wanted)


def channels_last(*shape: int, seed: int = 0) -> torch.Tensor:
    return random(*shape, seed=seed).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (6, 7), (65, 90)])
def test_pooling(dtype, size):
    x = channels_last(1, 48, *size).to(dtype)
    found = max_pool(x)
    wanted = torch.nn.functional.max_pool2d(x.float(), 3, stride=2, padding=1)
    assert torch.equal(found.float(), wanted)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_the_compiled_sampler_is_found_again_by_other_processes():
    compiled: Any = _sampler(8, 3)
    inside = compiled.py_func.__closure__
    assert sorted(cell.cell_contents for cell in inside) == [3, 8]


def test_sampling_in_bfloat16():
    shapes = [(3, 4), (6, 7)]
    table = np.array([(3, 4, 0), (6, 7, 12)], np.int64)
    value, points = random(54, 48).bfloat16(), random(3 * 3 * 12, 54).bfloat16()
    bias, reference = random(3 * 3 * 12, seed=1).numpy(), reference_points(shapes).numpy()
    inputs: dict[str, Any] = {"bias": bias, "reference": reference, "shapes": table}
    inputs["heads_depth"] = (3, 16)
    found = as_tensor(sample_fused(as_array(value), as_array(points), **inputs, threads=1)).float()
    exact = value.float().numpy(), points.float().numpy()
    wanted = torch.from_numpy(sample_plainly(*exact, **inputs))
    assert torch.allclose(found, wanted, rtol=2**-8, atol=1e-4)


@pytest.mark.parametrize("dtype", PRODUCT_FORMATS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("available", [False, True])
def test_packed_convolution(dtype, relu, available, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: available)
    x = random(1, 16, 9, 11).to(dtype).contiguous(memory_format=torch.channels_last)
    weight, bias = random(32, 8, 3, 3), random(32)
    geometry = ((2, 2), (1, 1), (1, 1), 2)
    wanted = F.conv2d(x.float(), weight.to(dtype).float(), bias, *geometry)
    layer = PackedConv(weight, bias, geometry, dtype, relu=relu)
    layer.pack()
    found = layer(x)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert relative(found.float(), wanted.relu() if relu else wanted) < FORMATS[dtype]


@pytest.mark.parametrize("dtype", PRODUCT_FORMATS)
def test_packed_dense_layer(dtype):
    x, linear = random(37, 16).to(dtype), torch.nn.Linear(16, 24)
    layer = PackedLinear.of(linear, dtype)
    layer.pack()
    found = layer(x)
    wanted = F.linear(x.float(), linear.weight.to(dtype).float(), linear.bias)
    assert found.is_contiguous()
    assert relative(found.float(), wanted) < FORMATS[dtype]


def test_packing_leaves_the_weights_alone():
    weight = random(8, 8, 1, 1)
    packed = PackedConv(weight, weight[:, 0, 0, 0], products._DENSE, torch.float32)
    packed.pack()
    x = random(1, 8, 4, 4)
    first = packed(x).clone()
    weight.zero_()
    assert torch.equal(packed(x), first)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("size_hw", [(8, 12), (4, 6), (2, 3), (16, 24), (5, 7)])
def test_scaled_features(size_hw, dtype):
    features = random(16, 24, 6).to(dtype)
    planes = features.float().permute(2, 0, 1)[None]
    wanted = F.interpolate(planes, size_hw, mode="bilinear", align_corners=False)
    found = scale_features(features, size_hw).T.unflatten(1, size_hw)
    assert torch.allclose(found, wanted[0], atol=1e-6)


def test_packed_weights_are_not_kept_twice():
    weight = random(8, 8, 1, 1)
    packed = products._pack(weight, None, products._DENSE, False)
    assert packed is not None
    assert weight.numel() == 0


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize(("threads", "inside"), [(1, 1), (2, 1), (3, 1), (4, 4)])
def test_few_threads_become_one_and_come_back(threads, inside):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with single_thread_up_to(3):
        seen = torch.get_num_threads()
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert (seen, after) == (inside, threads)
