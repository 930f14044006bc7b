"""Reading all of a ``torch.save`` file, as a run keeps it, without running what it may hold."""

from __future__ import annotations

import os

import pytest
import torch

from m2fp_cli.errors import ModelError
from m2fp_cli.models.weights import load_saved
from m2fp_cli.training.start import read_run


def trained_linear():
    """A layer and its optimizer after a step."""
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), 0.1)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return layer, optimizer


def test_weights_optimizer_and_numbers_come_back_as_they_were(tmp_path):
    layer, optimizer = trained_linear()
    kept = {"model": layer.state_dict(), "optimizer": optimizer.state_dict(), "progress": {"a": 1}}
    torch.save(kept, tmp_path / "run.pt")
    found = load_saved(tmp_path / "run.pt")
    assert found["progress"] == {"a": 1}
    assert torch.equal(found["model"]["weight"], layer.weight)
    assert found["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict(found["optimizer"])
    assert torch.equal(found["optimizer"]["state"][0]["exp_avg"], torch.full((2, 3), 0.1))


class Shell:
    def __reduce__(self):
        return os.system, ("true",)


def test_code_and_other_files_are_refused(tmp_path):
    torch.save({"model": Shell()}, tmp_path / "code.pt")
    with pytest.raises(ModelError, match="contains code"):
        load_saved(tmp_path / "code.pt")
    torch.save({"model": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="is not a run's checkpoint, or is damaged; remove it"):
        read_run(tmp_path / "other.pt")


def test_what_lies_in_itself_is_refused(tmp_path):
    circle: list[object] = []
    circle.append(circle)
    torch.save(circle, tmp_path / "circle.pt")
    with pytest.raises(ModelError, match="damaged or not a checkpoint"):
        load_saved(tmp_path / "circle.pt")
