"""Export: the weights that are stored are the averaged ones, rounded, with their label bias."""

from __future__ import annotations

import torch

from m2fp_cli.models.weights import load_weights
from training.export import export_weights

BIAS = "sem_seg_head.predictor.class_embed.bias"


def test_averaged_weights_are_stored_with_the_label_bias(tmp_path):
    average = {"conv.weight": torch.full((2, 3), 1.0009765625), BIAS: torch.zeros(4),
               "norm.num_batches_tracked": torch.tensor(5)}  # fmt: skip
    progress = {"step": 7, "decay_from": 3}
    torch.save({"average": average, "progress": progress}, tmp_path / "checkpoint.pt")
    assert export_weights(tmp_path / "checkpoint.pt", tmp_path, 2, 1.5) == progress
    stored = load_weights(tmp_path, keep_dtype=True)
    assert set(stored) == {"conv.weight", BIAS}
    assert stored["conv.weight"].dtype == torch.float16
    assert stored[BIAS].tolist() == [1.5, 1.5, 0, 0]


def test_the_mean_of_several_runs_can_be_stored(tmp_path):
    for name, value in (("one", 1.0), ("other", 3.0)):
        average = {"norm.weight": torch.full((3,), value), BIAS: torch.zeros(4)}
        torch.save({"average": average, "progress": {"step": 7}}, tmp_path / name)
    export_weights(tmp_path / "one", tmp_path, 2, 1.5, [tmp_path / "other"])
    stored = load_weights(tmp_path)
    assert stored["norm.weight"].tolist() == [2, 2, 2]
    assert stored[BIAS].tolist() == [1.5, 1.5, 0, 0]
