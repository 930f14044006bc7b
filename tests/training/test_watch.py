"""Watching a run: when it is stuck, how its judgements are kept, and what is shown of it."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.errors import ModelError
from m2fp_cli.evaluation.confusion import LabelFigures
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.display import Moment, PlainDisplay, QuietDisplay
from m2fp_cli.training.watch import Judgements, is_stuck

LABELS = LabelSet(("Background", "Face"))


def test_a_run_that_gets_no_better_is_stuck():
    curve = [(0, 0.5), (1, 0.6), (2, 0.58)]
    assert not is_stuck(curve)
    assert is_stuck([*curve, (3, 0.59), (4, 0.6)])


def test_judgements_are_kept_and_those_of_lost_steps_left_out(tmp_path):
    file = tmp_path / "judged.json"
    for step, right in ((0, 1), (10, 3)):
        Judgements(file, LABELS).note(step, LabelFigures(np.array([[right, 1], [1, 3]]), LABELS))
    again = Judgements(file, LABELS)
    assert again[10].pixel_accuracy == 6 / 8
    ((step, mean_iou),) = again.curve(9)
    assert step == 0
    assert mean_iou == pytest.approx((1 / 3 + 3 / 5) / 2)


@pytest.mark.parametrize("content", ["[1]", '{"x": 1}', '{"0": [[1]]}', "{"])
def test_damaged_judgements_are_said_in_one_line(tmp_path, content):
    (tmp_path / "judged.json").write_text(content)
    with pytest.raises(ModelError, match=r"judged.json is damaged"):
        Judgements(tmp_path / "judged.json", LABELS)


def test_a_log_gets_a_plain_line_and_quiet_only_failures(capsys):
    moment = Moment(20, 375, 12.345, 0.5712, 754.6)
    for display in (PlainDisplay(every_seconds=0), QuietDisplay()):
        display.show(moment)
        display.say("step 20")
        display.warn("failed a.jpg")
    assert capsys.readouterr().err.split("\n")[:-1] == [
        "step 20 of 375, loss 12.35, mean IoU 57.1% on held-out photos, 12:35 left",
        "step 20",
        "failed a.jpg",
        "failed a.jpg",
    ]
