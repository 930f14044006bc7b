from __future__ import annotations

import socket
from pathlib import Path

import pytest

from m2fp_cli.errors import ModelError, ModelUnavailableError, UsageError
from m2fp_cli.layout import FINETUNE_RECORD
from m2fp_cli.models import registry
from m2fp_cli.models.registry import ModelSource, resolve_model

MULTI = "cv_resnet101_image-multiple-human-parsing"
DAMO, IIC = f"damo/{MULTI}", f"iic/{MULTI}"


def write_model(folder: Path, weights: str = "pytorch_model.pt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.json").write_text("{}")
    (folder / weights).write_bytes(b"weights")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("M2FP_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_named):
        raise AssertionError("the network was touched")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.mark.parametrize(
    "layout",
    [
        f"models/damo--{MULTI}/snapshots/master",
        f"models/damo--{MULTI}/snapshots/v1.0.1",
        f"models/iic--{MULTI}/snapshots/master",
        f"models/damo/{MULTI}",
        f"hub/models/iic/{MULTI}",
        f"hub/damo/{MULTI}",
        f"hub/iic/{MULTI}",
        f"iic/{MULTI}",
    ],
)
@pytest.mark.parametrize("name", ["m2fp", DAMO, IIC])
def test_every_cache_layout_is_found_without_network(cache, layout, name):
    folder = write_model(cache / layout)
    model = resolve_model(name)
    assert (model.folder, model.source) == (folder, ModelSource.CACHE)
    assert model.weights == folder / "pytorch_model.pt"


def test_dots_in_a_name_are_three_underscores_in_the_cache(cache):
    folder = write_model(cache / "models/someone/m2fp-0___5")
    assert resolve_model("someone/m2fp-0.5").folder == folder


def test_the_cache_is_below_home_without_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("MODELSCOPE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = write_model(tmp_path / "home/.cache/modelscope/hub/damo" / MULTI)
    assert resolve_model("m2fp").folder == folder


def test_an_older_complete_copy_beats_a_newer_half_one(cache):
    half = cache / f"models/damo--{MULTI}/snapshots/master"
    write_model(half).joinpath("pytorch_model.pt").unlink()
    older = write_model(cache / "hub/damo" / MULTI)
    assert resolve_model("m2fp").folder == older


def test_no_name_means_the_variable_and_then_the_published_model(cache, monkeypatch):
    write_model(cache / DAMO)
    assert resolve_model().name == "m2fp"
    monkeypatch.setenv("M2FP_MODEL", DAMO)
    assert resolve_model().name == DAMO


def test_a_short_name_beats_a_folder_and_a_path_means_the_folder(cache, tmp_path):
    cached, own = write_model(cache / DAMO), write_model(tmp_path / "m2fp")
    assert resolve_model("m2fp").folder == cached
    assert resolve_model("./m2fp").folder == own


def test_an_existing_folder_beats_a_modelscope_id(cache, tmp_path):
    write_model(cache / DAMO)
    assert resolve_model(DAMO).source is ModelSource.CACHE
    own = write_model(tmp_path / DAMO, "model.safetensors")
    assert resolve_model(DAMO).folder == own


def test_safetensors_are_preferred(tmp_path):
    write_model(tmp_path / "own")
    assert write_model(tmp_path / "own", "model.safetensors") == resolve_model("./own").folder
    assert resolve_model("./own").weights.name == "model.safetensors"


def test_missing_weights_name_the_two_ways_out(cache):
    with pytest.raises(ModelUnavailableError) as caught:
        resolve_model("m2fp", download=False)
    sentence = str(caught.value)
    assert DAMO in sentence
    assert "`m2fp models pull m2fp`" in sentence
    assert "`--model starter`" in sentence
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("missing", "named"),
    [("configuration.json", "has no configuration.json"), ("pytorch_model.pt", "no weights")],
)
def test_an_incomplete_folder_names_what_is_missing(tmp_path, missing, named):
    write_model(tmp_path / "own").joinpath(missing).unlink()
    with pytest.raises(ModelError, match=named):
        resolve_model("./own")


def test_a_stopped_fine_tuning_says_how_a_model_comes_of_it(tmp_path):
    (tmp_path / "mine" / "run").mkdir(parents=True)
    (tmp_path / "mine" / FINETUNE_RECORD).parent.mkdir()
    (tmp_path / "mine" / FINETUNE_RECORD).write_text("{}")
    with pytest.raises(ModelError, match=r"mine holds a run of m2fp finetune that has not ended"):
        resolve_model("./mine")


def test_an_empty_file_of_weights_does_not_count(tmp_path):
    (write_model(tmp_path / "own") / "pytorch_model.pt").write_bytes(b"")
    with pytest.raises(ModelError, match="no weights"):
        resolve_model("./own")


def test_a_misspelt_short_name_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'startr'.*m2fp, m2fp-single, starter"):
        resolve_model("startr")


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c"])
def test_a_path_that_is_not_there_is_no_modelscope_id(path):
    with pytest.raises(ModelError, match=f"no model folder {path}"):
        resolve_model(path)


def test_a_file_is_no_model_folder(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"x")
    with pytest.raises(ModelError, match="is a file"):
        resolve_model(str(tmp_path / "weights.pt"))


def test_the_bundled_model_is_found_in_the_package(tmp_path, monkeypatch):
    folder = write_model(tmp_path / "starter", "model.safetensors")
    monkeypatch.setattr(registry, "STARTER_FOLDER", folder)
    assert resolve_model("starter").source is ModelSource.BUNDLED


def test_an_installation_without_the_bundled_model_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "STARTER_FOLDER", tmp_path / "gone")
    with pytest.raises(ModelError, match="lacks the bundled starter"):
        resolve_model("starter")


@pytest.mark.parametrize("name", ["m2fp", "a" * 300, "./" + "a" * 300, "~nobody-here/x"])
def test_paths_that_cannot_be_looked_at_are_no_models(name, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", "/tmp/" + "a" * 300)
    with pytest.raises((ModelError, UsageError)):
        resolve_model(name, download=False)
