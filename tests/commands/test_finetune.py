"""``m2fp finetune``: exit codes and what is said; tests/training has the run itself."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest

from m2fp_cli.evaluation.confusion import LabelFigures
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training import finetune as module
from m2fp_cli.training.finetune import Outcome
from m2fp_cli.training.model_folder import Learned
from tests.support.tiny_model import CommandLine

LABELS = LabelSet(("Background", "Face"))


def figures(right):
    return LabelFigures(np.array([[right, 1], [1, right]]), LABELS)


@pytest.fixture
def m2fp(tiny_model, monkeypatch, capfd):
    monkeypatch.setattr(module, "prepare_process", lambda: None)
    return CommandLine(tiny_model, monkeypatch, capfd)


def labelled(folder, count=5):
    """Photos with labels, as far as their names go."""
    for name in ("photos", "labels"):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / f"{number}.png").touch()
    return folder


@pytest.fixture
def ended(m2fp, monkeypatch, tmp_path):
    """Runs the command with a run that ends as it is told."""
    labelled(tmp_path)

    def run(outcome, *, before=lambda: None):
        def finetune(_plan, _display, stop):
            before()
            assert stop() == (outcome.learned is None)
            return outcome

        monkeypatch.setattr(module, "finetune", finetune)
        return m2fp("finetune", tmp_path, "-o", tmp_path / "mine")

    return run


def test_figures_before_and_after_are_said(ended, tmp_path):
    answer = ended(Outcome(Learned(30, figures(1), figures(3))))
    assert answer.err == f"{tmp_path}/mine: mean IoU 33.3% before, 60.0% after, 30 steps\n"
    assert (answer.code, answer.out) == (0, "")


def test_photos_that_failed_and_no_gain_are_not_passed_over(ended):
    answer = ended(Outcome(Learned(30, figures(3), figures(3)), failed=1))
    assert "m2fp: it got no better; starter is the better model for these photos" in answer.err
    assert answer.code == 3


@pytest.fixture
def terminal():
    """SIGINT as a terminal has it; a job in the background of a script inherits it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_what_to_do_next(ended, number, code):
    answer = ended(Outcome(None), before=lambda: os.kill(os.getpid(), number))
    assert "m2fp: stopped; the same command goes on where it was" in answer.err
    assert answer.code == code


def test_what_is_not_labelled_is_said_before_anything_is_written(m2fp, tmp_path):
    (tmp_path / "data").mkdir()
    answer = m2fp("finetune", tmp_path / "data", "-o", tmp_path / "mine")
    assert answer.err.startswith(f"m2fp: {tmp_path}/data is not a data set: it needs")
    assert answer.code == 2
    assert not (tmp_path / "mine").exists()


def test_a_published_model_is_refused_before_anybody_fetches_it(m2fp, tmp_path):
    answer = m2fp("finetune", tmp_path, "--from", "m2fp", "-o", tmp_path / "mine")
    assert answer.err.startswith("m2fp: --from takes starter or a folder")
    assert answer.code == 2


def test_a_model_with_other_queries_is_refused(m2fp, tiny_model, tmp_path):
    labelled(tmp_path, 1)
    answer = m2fp("finetune", tmp_path, "--from", tiny_model, "-o", tmp_path / "mine")
    assert answer.err.startswith(f"m2fp: {tiny_model} was not trained by m2fp, so its queries")
    assert answer.code == 2


@pytest.mark.parametrize(
    ("data", "out", "line", "code"),
    [
        ("nothere", "mine", "nothere is not there; name a folder of labelled photos", 66),
        (".", "mine", "has 4 labelled photos; fine-tuning needs at least 5", 2),
        (".", "labels", "holds other files (0.png); choose a new folder with -o", 73),
        (".", "labels/0.png/mine", "is a file or a link, not a folder; choose another", 73),
    ],
)
def test_what_cannot_work_is_said_before_torch_is_loaded(  # which takes seconds
    m2fp, monkeypatch, tmp_path, data, out, line, code
):
    labelled(tmp_path, 4 if "4" in line else 5)
    monkeypatch.setitem(sys.modules, "m2fp_cli.training.finetune", None)
    answer = m2fp("finetune", tmp_path / data, "-o", tmp_path / out)
    assert line in answer.err
    assert answer.code == code
