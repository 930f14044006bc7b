"""Export: the weights that are stored are the averaged ones, rounded, with their label bias."""

from __future__ import annotations

import json
import resource

import cv2
import numpy as np
import pytest
import torch

from m2fp_cli.errors import OutputError
from m2fp_cli.models.weights import load_weights
from m2fp_cli.training.dataset import hash_files
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.sources import Source
from m2fp_cli.training.weights import export_weights
from tests.support.family import small_document
from training.export import export_configuration

BIAS = "sem_seg_head.predictor.class_embed.bias"


def save_checkpoint(path, average, progress):
    parts = {"model": {}, "heads": {}, "optimizer": {}, "average": average, "progress": progress}
    torch.save(parts, path)


def test_averaged_weights_are_stored_with_the_label_bias(tmp_path):
    average = {"conv.weight": torch.full((2, 3), 1.0009765625), BIAS: torch.zeros(4),
               "norm.num_batches_tracked": torch.tensor(5)}  # fmt: skip
    progress = {"step": 7, "decay_from": 3}
    save_checkpoint(tmp_path / "checkpoint.pt", average, progress)
    assert export_weights(tmp_path / "checkpoint.pt", tmp_path, 2, 1.5) == progress
    stored = load_weights(tmp_path, keep_dtype=True)
    assert set(stored) == {"conv.weight", BIAS}
    assert stored["conv.weight"].dtype == torch.float16
    assert stored[BIAS].tolist() == [1.5, 1.5, 0, 0]


def test_weights_that_do_not_fit_on_the_disk_are_told_and_the_old_ones_stay(tmp_path):
    average = {"conv.weight": torch.zeros(200, 200), BIAS: torch.zeros(4)}
    save_checkpoint(tmp_path / "checkpoint.pt", average, {"step": 7})
    (tmp_path / "model.safetensors").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*model.safetensors; make room"):
            export_weights(tmp_path / "checkpoint.pt", tmp_path, 2, 1.5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"checkpoint.pt", "model.safetensors"}
    assert (tmp_path / "model.safetensors").read_bytes() == b"old"


def test_the_mean_of_several_runs_can_be_stored(tmp_path):
    for name, value in (("one", 1.0), ("other", 3.0)):
        average = {"norm.weight": torch.full((3,), value), BIAS: torch.zeros(4)}
        save_checkpoint(tmp_path / name, average, {"step": 7})
    export_weights(tmp_path / "one", tmp_path, 2, 1.5, [tmp_path / "other"])
    stored = load_weights(tmp_path)
    assert stored["norm.weight"].tolist() == [2, 2, 2]
    assert stored[BIAS].tolist() == [1.5, 1.5, 0, 0]
    export_weights(tmp_path / "one", tmp_path, 2, 1.5, [tmp_path / "other"] * 3)
    assert load_weights(tmp_path)["norm.weight"].tolist() == [2.5, 2.5, 2.5]


def write_photos(folder, *names):
    for kind, ending in (("photos", "jpg"), ("labels", "png")):
        (folder / kind).mkdir(parents=True)
        for name in names:
            cv2.imwrite(str(folder / kind / f"{name}.{ending}"), np.full((4, 4), len(name), "u1"))
    return folder


def test_the_configuration_says_what_the_weights_were_trained_on(tmp_path):
    data, made = write_photos(tmp_path / "data" / "ccp", "1", "8"), tmp_path / "made" / "more"
    write_photos(made, "22")
    phase = Phase(2, (64, 64), 1)
    sources = (Source("ccp"), Source("more", held_out="none"))
    recipe = Recipe(small_document(), (phase,), phase, sources=sources)
    roots = [tmp_path / "data", tmp_path / "made"]
    export_configuration(recipe, roots, {"step": 7, "decay_from": 3}, None, tmp_path)
    said = json.loads((tmp_path / "configuration.json").read_text())["m2fp"]["training"]["sources"]
    assert [(s["folder"], s["photos"], s["held_out"]) for s in said] == [
        ("ccp", 1, 1),
        ("more", 1, 0),
    ]
    assert said[0]["photos_sha256"] == hash_files(data, ["1"])
    assert said[1]["photos_sha256"] == hash_files(made, ["22"])
