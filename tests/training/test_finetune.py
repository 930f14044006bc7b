"""Fine-tuning: from an annotator's folder to a model folder with its figures."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
import torch

from m2fp_cli import HumanParser
from m2fp_cli.batch.lock import hold_output
from m2fp_cli.errors import OutputError, OutputLockedError, UsageError
from m2fp_cli.models.registry import resolve_model
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.training import finetune as module
from m2fp_cli.training.finetune import choose_checkpoint, finetune
from m2fp_cli.training.plan import Plan
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow

COLORS = "background:0,0,0::\nFace:0,0,255::\nPants:0,128,0::\n"


@dataclass
class Heard:
    """A display that remembers."""

    lines: list[str] = field(default_factory=list)
    moments: list[object] = field(default_factory=list)

    def say(self, line):
        self.lines.append(line)

    warn = say

    def show(self, moment):
        self.moments.append(moment)

    def close(self):
        pass


def annotated(folder, count=5):
    """Photos of a figure as CVAT exports them."""
    for name in ("images", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    (folder / "labelmap.txt").write_text(COLORS)
    for number in range(count):
        rgb = np.zeros((96, 64, 3), np.uint8)
        rgb[10:30, 20:44], rgb[30:90, 16 + number : 48] = (0, 0, 255), (0, 128, 0)
        cv2.imwrite(str(folder / "SegmentationClass" / f"a {number}.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / "images" / f"a {number}.jpg"), rgb // 2 + 60)
    return folder


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A tiny model that says that m2fp trained it, with what has to be carried on."""
    folder = write_tiny_model(tmp_path_factory.mktemp("origin") / "model")
    document = json.loads((folder / "configuration.json").read_text())
    document["m2fp"] = {"license": "CC0"}
    (folder / "configuration.json").write_text(json.dumps(document))
    (folder / "README.md").write_text("the first card")
    (folder / "attribution.tsv").write_text("whose photos")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "_SIZE_HW", (64, 64))
    monkeypatch.setattr(module, "_BATCH", 1)


def run(data, origin, out, *, steps=2, stop=lambda: False, heard=None):
    plan = Plan(data, resolve_model(str(origin)), out, steps)
    return finetune(plan, heard or Heard(), stop, workers=0)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, origin):
    """A run on six photos, one of them damaged, that was stopped twice on its way."""
    folder = tmp_path_factory.mktemp("tuned")
    annotated(folder / "data", 6)
    (folder / "data/images/a 5.jpg").write_bytes(b"\xff\xd8 no more")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SIZE_HW", (64, 64))
        patch.setattr(module, "_BATCH", 1)
        heard, asked = Heard(), iter([False] * 3 + [True] * 9)
        assert (
            run(folder / "data", origin, folder / "mine", stop=lambda: next(asked)).learned is None
        )
        outcome = run(
            folder / "data", origin, folder / "mine", heard=heard,
            stop=lambda: len(heard.moments) == 1,
        )  # fmt: skip
        assert outcome.learned is None
        outcome = run(folder / "data", origin, folder / "mine", heard=heard)
    return folder, outcome, heard


def test_a_stopped_run_goes_on_to_a_model_folder_with_its_figures(tuned):
    folder, outcome, heard = tuned
    said = json.loads((folder / "mine/configuration.json").read_text())["m2fp"]["finetuned"]
    assert said["mean_iou_after"] - said["mean_iou_before"] == pytest.approx(
        outcome.learned.gain, abs=1e-4
    )
    assert (said["photos"], said["held_out"], said["steps"]) == (4, 1, 3)
    assert [moment.step for moment in heard.moments] == [1, 2, 3]
    photo = np.zeros((96, 64, 3), np.uint8)
    assert HumanParser(folder / "mine").parse(photo).semantic_map.shape == (96, 64)


def test_the_card_has_each_label_and_carries_the_first_card_on(tuned):
    mine = tuned[0] / "mine"
    assert "| Pants |" in (mine / "README.md").read_text()
    assert (
        "Their license: CC0. See ORIGIN.md and attribution.tsv" in (mine / "README.md").read_text()
    )
    assert (mine / "ORIGIN.md").read_text() == "the first card"
    assert (mine / "attribution.tsv").read_text() == "whose photos"


def test_a_damaged_photo_costs_a_line_and_is_counted(tuned):
    _, outcome, _ = tuned
    assert outcome.failed == 1


def test_a_finished_run_is_not_done_again(tuned, origin):
    folder, outcome, _ = tuned
    card, heard = folder / "mine/README.md", Heard()
    card.write_text("edited")
    assert run(folder / "data", origin, folder / "mine", heard=heard).learned.gain == (
        outcome.learned.gain
    )
    assert heard.moments == []
    assert card.read_text() == "edited"


def test_a_run_whose_folder_was_removed_is_called_so(tuned, origin, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(tuned[0] / "mine", mine)
    (mine / "run/data/labels/00001.png").unlink()  # it is made again as long as it is of use
    assert run(tuned[0] / "data", origin, mine).learned.gain == tuned[1].learned.gain
    assert (mine / "run/data/labels/00001.png").is_file()
    shutil.rmtree(mine / "run")
    with pytest.raises(UsageError, match="whose folder run was removed"):
        run(tuned[0] / "data", origin, mine)
    (mine / "model.safetensors").unlink()
    stopped = run(tuned[0] / "data", origin, mine, stop=lambda: True)
    assert stopped.learned is None  # and not an error: it begins anew


def test_another_question_does_not_go_on_with_the_run(tuned, origin):
    folder = tuned[0]
    with pytest.raises(UsageError, match="begun with --steps 2; choose another -o"):
        run(folder / "data", origin, folder / "mine", steps=3)
    with pytest.raises(UsageError, match="begun on other photos"):
        run(annotated(folder / "others", 7), origin, folder / "mine")
    with pytest.raises(UsageError, match="begun from another model"):
        run(folder / "data", folder / "mine", folder / "mine")


def test_two_runs_do_not_share_a_folder(tuned, origin):
    folder = tuned[0]
    with (
        OutputTree(folder / "mine") as tree,
        hold_output(tree),
        pytest.raises(OutputLockedError, match="in use by another run"),
    ):
        run(folder / "data", origin, folder / "mine")


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, origin):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/README.md").write_text("hand-written")
    with pytest.raises(OutputError, match=r"holds other files \(README.md\)"):
        run(annotated(tmp_path / "data"), origin, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["README.md"]


def test_nothing_is_written_through_a_link(tmp_path, origin):
    (tmp_path / "mine/.m2fp").mkdir(parents=True)
    (tmp_path / "mine/.m2fp/finetune.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine/run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="run is a link"):
        run(annotated(tmp_path / "data"), origin, tmp_path / "mine")


def test_labels_that_were_mended_are_learned_in_the_same_folder(tmp_path, origin):
    data = annotated(tmp_path / "data")
    (data / "labelmap.txt").write_text(COLORS.replace("Face", "Beard"))
    with pytest.raises(UsageError, match="Beard"):
        run(data, origin, tmp_path / "mine")
    (data / "labelmap.txt").write_text(COLORS)
    heard = Heard()
    run(data, origin, tmp_path / "mine", heard=heard, stop=lambda: len(heard.lines) > 1)
    assert heard.lines[0] == "reading 5 labelled photos"


@pytest.mark.parametrize(
    ("curve", "step"),
    [([(0, 0.5), (10, 0.7), (20, 0.6)], 10), ([(0, 0.5), (10, 0.4), (20, 0.3)], 20),
     ([(0, 0.5), (10, 0.6), (20, 0.7)], 20), ([(0, 0.5), (9, 0.7), (20, 0.6)], 20)],
)  # fmt: skip
def test_the_step_that_was_judged_best_is_taken(tmp_path, curve, step):
    (tmp_path / "best").mkdir()
    parts: dict[str, object] = {name: {} for name in ("model", "heads", "average", "optimizer")}
    weights = {"model": {"a": torch.ones(1)}}
    torch.save({**parts, **weights, "progress": {"step": 10}}, tmp_path / "best/checkpoint.pt")
    folder = tmp_path / "best" if step == 10 else tmp_path
    assert choose_checkpoint(tmp_path, curve) == (step, folder / "checkpoint.pt")


def test_too_few_photos_and_foreign_models_are_refused(tmp_path, origin):
    with pytest.raises(UsageError, match="data has 4 labelled photos; fine-tuning needs at least"):
        run(annotated(tmp_path / "data", 4), origin, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    foreign = write_tiny_model(tmp_path / "foreign")
    with pytest.raises(UsageError, match="was not trained by m2fp"):
        run(tmp_path / "data", foreign, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_photos_that_cannot_be_used_leave_nothing_behind(tmp_path, origin):
    data = annotated(tmp_path / "data", 6)
    for name in ("a 1.jpg", "a 4.jpg"):
        (data / "images" / name).write_bytes(b"not a photo")
    with pytest.raises(UsageError, match="only 4 of 6 labelled photos can be used"):
        run(data, origin, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [".m2fp"]
    assert not (tmp_path / "mine/.m2fp/finetune.json").exists()
