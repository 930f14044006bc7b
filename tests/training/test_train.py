"""A run from its command line's objects to its checkpoints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from m2fp_cli.errors import M2fpError, OutputError
from m2fp_cli.training import run
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.schedule import Progress
from m2fp_cli.training.start import read_run
from m2fp_cli.training.trainer import Trainer
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow

NEVER = 1e9


@dataclass(frozen=True)
class Trained:
    """A run that was not stopped, which kept a copy of its first step."""

    data: Path
    out: Path
    recipe: Recipe


def draw_data(folder: Path) -> None:
    """Three photos of a figure in two garments."""
    for kind in ("photos", "labels"):
        (folder / kind).mkdir(parents=True)
    for name in ("1", "2", "3"):
        labels = np.zeros((96, 64), np.uint8)
        labels[20:50, 20:44], labels[50:90, 24:40], labels[8:20, 26:38] = 5, 9, 13
        photo = np.stack([labels * 12 + 40] * 3, axis=-1)
        cv2.imwrite(str(folder / "photos" / f"{name}.jpg"), photo)
        cv2.imwrite(str(folder / "labels" / f"{name}.png"), labels)


def train(recipe: Recipe, data: Path, out: Path) -> dict[str, Any]:
    Trainer(recipe, [data], out, workers=0).train(NEVER)
    state: dict[str, Any] = torch.load(out / "checkpoint.pt")
    return state


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    draw_data(folder / "data")
    model = write_tiny_model(folder / "model")
    phase = Phase(1, (64, 64), 1)
    configuration = json.loads((model / "configuration.json").read_text())
    recipe = Recipe(configuration, (phase,), phase, height=96, seed=5, keep_at=(1,))
    train(recipe, folder / "data", folder / "run")
    return Trained(folder / "data", folder / "run", recipe)


def test_a_run_takes_its_steps_and_keeps_the_copies_it_is_told_to(trained):
    files = (trained.out / "step-1" / "checkpoint.pt", trained.out / "checkpoint.pt")
    assert [torch.load(file)["progress"]["step"] for file in files] == [1, 2]
    assert {path.name for path in trained.out.iterdir()} >= {"step-1", "checkpoint.pt"}


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(trained, tmp_path):
    shutil.copy(trained.out / "step-1" / "checkpoint.pt", tmp_path)
    again, whole = (
        train(trained.recipe, trained.data, out)["average"] for out in (tmp_path, trained.out)
    )
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


def first_loss(recipe: Recipe, data: Path, out: Path) -> float:
    losses: list[float] = []
    trainer = Trainer(recipe, [data], out, 0, watch=lambda _, loss: losses.append(loss))
    trainer.train(NEVER, lambda: bool(losses))
    return losses[0]


def test_a_step_in_bfloat16_has_about_the_loss_of_float32(trained, tmp_path, monkeypatch):
    def loss_in(dtype: torch.dtype) -> float:
        monkeypatch.setattr(run, "choose_dtype", lambda _: dtype)  # a recipe says auto
        return first_loss(trained.recipe, trained.data, tmp_path / str(dtype))

    exact, rough = loss_in(torch.float32), loss_in(torch.bfloat16)
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("stopped", [True, False])
def test_the_death_of_a_helper_is_a_stop_or_one_line(trained, tmp_path, monkeypatch, stopped):
    def die(*_):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")

    trainer, asked = Trainer(trained.recipe, [trained.data], tmp_path, 0), iter([False, stopped])
    monkeypatch.setattr(trainer, "_step", die)
    if stopped:
        assert not trainer.train(NEVER, lambda: next(asked))
        assert not (tmp_path / "checkpoint.pt").exists()
    else:
        with pytest.raises(M2fpError, match="composes scenes died; make memory free"):
            trainer.train(NEVER, lambda: next(asked))


def run_of(layer: Any) -> run.Run:
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    return run.Run(layer, layer, layer, optimizer, Progress())


def test_a_checkpoint_that_cannot_be_written_is_said_in_one_line(tmp_path):
    kept = run_of(torch.nn.Linear(1, 1))
    with pytest.raises(OutputError, match=r"cannot write .*checkpoint.pt; make room"):
        run.save_run(kept, tmp_path / "missing/checkpoint.pt")


_SAVE_ON_A_FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from m2fp_cli.training import run
from m2fp_cli.training.schedule import Progress
from m2fp_cli.training.start import read_run
layer = torch.nn.Linear(400, 400)
kept = run.Run(layer, layer, layer, torch.optim.SGD(layer.parameters(), 0.1), Progress())
path = Path(sys.argv[1])
run.save_run(kept, path)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    run.save_run(kept, path)
except run.OutputError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(tmp_path):
    path = tmp_path / "checkpoint.pt"
    command = [sys.executable, "-c", _SAVE_ON_A_FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # torch's own writer would abort the process
    assert done.stdout.startswith(f"cannot write {path}; make room")
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert read_run(path)["progress"] == vars(Progress())
