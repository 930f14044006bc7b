from __future__ import annotations

import hashlib
import json
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

from m2fp_cli.errors import ModelError
from m2fp_cli.models.weights import (
    compare_keys,
    configuration_digest,
    load_weights,
    read_shapes,
    verify_weights,
    weights_digest,
)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def save(folder, content, **options):
    torch.save(content, folder / "pytorch_model.pt", **options)
    return folder


def same(state, other) -> bool:
    return list(state) == list(other) and all(torch.equal(state[k], other[k]) for k in other)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"model": s}, lambda s: {"state_dict": s}])
def test_a_checkpoint_is_read_as_torch_reads_it(tmp_path, zipped, wrap):
    state = network().state_dict()
    save(tmp_path, wrap(state), _use_new_zipfile_serialization=zipped)
    assert same(load_weights(tmp_path), state)
    assert read_shapes(tmp_path) == {key: tuple(t.shape) for key, t in state.items()}


@pytest.mark.parametrize("zipped", [True, False])
def test_views_parameters_and_shared_storage_survive(tmp_path, zipped):
    base = torch.arange(24.0)
    state = {
        "view": base[3:15].view(3, 4).t(),
        "shared": base[10:],
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(7),
        "bool": torch.tensor([True, False]),
        "odd": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "after": torch.tensor([1.5, 2.5]),
    }
    save(tmp_path, {"model": state}, _use_new_zipfile_serialization=zipped)
    assert same(load_weights(tmp_path), state)


def test_what_a_training_run_leaves_beside_its_weights_does_no_harm(tmp_path):
    net = network()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.zeros(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    rest = {"optimizer": optimizer.state_dict(), "iteration": 9, "lr": 0.5, "args": [None, "x"]}
    numbers = {"best": torch.zeros(2).numpy().sum(), "device": torch.device("cpu")}
    state = net.state_dict()
    for zipped in (True, False):
        content = {"model": state, **rest, **numbers}
        save(tmp_path, content, _use_new_zipfile_serialization=zipped)
        assert same(load_weights(tmp_path), state)


def test_loaded_tensors_can_be_written_to_without_touching_the_file(tmp_path):
    save(tmp_path, network().state_dict())
    before = (tmp_path / "pytorch_model.pt").read_bytes()
    first = load_weights(tmp_path)
    first["0.weight"].zero_()
    assert (tmp_path / "pytorch_model.pt").read_bytes() == before
    assert load_weights(tmp_path)["0.weight"].abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.pt"])
def test_other_precisions_become_float32_unless_asked_otherwise(tmp_path, dtype, name):
    state = {"weight": torch.randn(5).to(dtype), "count": torch.tensor([3])}
    write = save_file if name == "model.safetensors" else torch.save
    write(state, tmp_path / name)
    loaded = load_weights(tmp_path)
    assert torch.equal(loaded["weight"], state["weight"].float())
    assert loaded["count"].dtype == torch.int64
    assert torch.equal(load_weights(tmp_path, keep_dtype=True)["weight"], state["weight"])


def test_shapes_of_safetensors_are_read(tmp_path):
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert read_shapes(tmp_path) == {"a": (2, 3), "b": (1,)}


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_truncated_file_is_one_sentence(tmp_path, keep, kind):
    state = network().state_dict()
    path = tmp_path / ("model.safetensors" if kind == "safetensors" else "pytorch_model.pt")
    if kind == "safetensors":
        save_file(state, path)
    else:
        save(tmp_path, state, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    for read in (load_weights, read_shapes, verify_weights):
        with pytest.raises(ModelError, match="damaged"):
            read(tmp_path)


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path):
    save(tmp_path, {"w": torch.zeros(1000)})
    path = tmp_path / "pytorch_model.pt"
    content = bytearray(path.read_bytes())
    content[content.index(bytes(4000)) + 2000] = 1
    path.write_bytes(content)
    for read in (load_weights, verify_weights):
        with pytest.raises(ModelError, match="data/0 have changed"):
            read(tmp_path)
    assert load_weights(tmp_path, verify=False)["w"].count_nonzero() == 1


@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"\x80\x02}.", b"PK\x03\x04", b"\x00" * 64]
)
def test_what_is_no_checkpoint_is_one_sentence(tmp_path, content):
    (tmp_path / "pytorch_model.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"pytorch_model\.pt is damaged or not a checkpoint"):
        load_weights(tmp_path)


def test_a_git_lfs_pointer_is_named(tmp_path):
    (tmp_path / "pytorch_model.pt").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match="git lfs pull"):
        load_weights(tmp_path)


@pytest.mark.parametrize("content", [{}, {"model": {}}, [1], "text", {"model": {"a": 1}}, {1: 2}])
def test_a_checkpoint_without_tensors_is_one_sentence(tmp_path, content):
    save(tmp_path, content)
    with pytest.raises(ModelError, match="no tensors"):
        load_weights(tmp_path)


def test_the_digest_is_that_of_the_file_and_follows_a_change(tmp_path):
    path = save(tmp_path, {"w": torch.zeros(3)}) / "pytorch_model.pt"
    first = weights_digest(tmp_path)
    assert first == hashlib.sha256(path.read_bytes()).hexdigest()
    save(tmp_path, {"w": torch.ones(4000)})
    assert weights_digest(tmp_path) == hashlib.sha256(path.read_bytes()).hexdigest() != first


def test_the_configuration_has_a_digest_of_its_own(tmp_path):
    path = tmp_path / "configuration.json"
    path.write_text("{}")
    assert configuration_digest(tmp_path) == hashlib.sha256(b"{}").hexdigest()
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        configuration_digest(tmp_path)


EXPECTED = {
    "a.weight": (2, 3),
    "a.bias": (2,),
    "n.num_batches_tracked": (),
    "pixel_mean": (3, 1, 1),
}


def test_equal_keys_pass_and_what_inference_ignores_may_differ():
    compare_keys(EXPECTED, {"a.weight": (2, 3), "a.bias": (2,), "criterion.empty_weight": (22,)})
    compare_keys({"a.bias": (2,)}, OrderedDict({"a.bias": torch.Size([2]), "pixel_std": (3,)}))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"a.weight": (2, 3)}, r"1 missing \(a\.bias\)"),
        ({"a.weight": (2, 3), "a.bias": (2,), "b": ()}, r"1 not expected \(b\)"),
        (
            {"a.weight": (2, 4), "a.bias": ()},
            r"2 of another shape \(a\.weight is 2x4 instead of "
            r"2x3, a\.bias is a scalar instead of 2\)",
        ),
    ],
)
def test_differences_are_named(found, sentence):
    with pytest.raises(ModelError, match=sentence):
        compare_keys(EXPECTED, found)


def test_only_the_first_differences_are_named():
    with pytest.raises(ModelError, match=r"9 missing \(k0, k1, k2 and 6 more\)\);"):
        compare_keys({f"k{i}": (1,) for i in range(9)}, {})


def test_numbers_that_torch_does_not_have_are_one_sentence(tmp_path):
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.safetensors has numbers that torch cannot hold"):
        load_weights(tmp_path)
