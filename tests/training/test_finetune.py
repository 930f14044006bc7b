"""Fine-tuning: from an annotator's folder to a model folder with its figures."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from m2fp_cli import HumanParser
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import CIHP
from m2fp_cli.training import finetune as module
from m2fp_cli.training.finetune import Watch, finetune, nearest_people
from tests.support.tiny_model import write_tiny_model

COLORS = "background:0,0,0::\nFace:0,0,255::\nPants:0,128,0::\n"


def annotated(folder, count=5):
    """Photos of a figure as CVAT exports them."""
    for name in ("images", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    (folder / "labelmap.txt").write_text(COLORS)
    for number in range(count):
        rgb = np.zeros((96, 64, 3), np.uint8)
        rgb[10:30, 20:44], rgb[30:90, 16 + number : 48] = (0, 0, 255), (0, 128, 0)
        cv2.imwrite(str(folder / "SegmentationClass" / f"{number}.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / "images" / f"{number}.jpg"), rgb // 2 + 60)
    return folder


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(module, "_SIZE_HW", (64, 64))
    monkeypatch.setattr(module, "_BATCH", 1)


@pytest.mark.usefixtures("small")
def test_a_model_folder_with_its_figures_comes_out_and_a_run_goes_on(tmp_path):
    data, base = annotated(tmp_path / "data"), write_tiny_model(tmp_path / "model")
    gain = finetune(data, str(base), tmp_path / "mine", steps=2, workers=0)
    tuned = json.loads((tmp_path / "mine/configuration.json").read_text())["m2fp"]["finetuned"]
    assert tuned["mean_iou_after"] - tuned["mean_iou_before"] == pytest.approx(gain, abs=1e-4)
    assert (tuned["photos"], tuned["held_out"], tuned["steps"]) == (4, 1, 3)
    assert "| Pants |" in (tmp_path / "mine/README.md").read_text()
    photo = np.zeros((96, 64, 3), np.uint8)
    assert HumanParser(tmp_path / "mine").parse(photo).semantic_map.shape == (96, 64)
    assert finetune(data, str(base), tmp_path / "mine", steps=2, workers=0) == pytest.approx(gain)


def test_too_few_photos_are_refused(tmp_path):
    base = write_tiny_model(tmp_path / "model")
    with pytest.raises(UsageError, match="at least 5"):
        finetune(annotated(tmp_path / "data", 4), str(base), tmp_path / "mine", steps=1)


def test_pixels_belong_to_the_nearest_person_that_was_found():
    people = np.zeros((20, 40), np.uint16)
    people[5:15, 5:10], people[5:15, 30:35] = 1, 2
    labels = np.where(people > 0, CIHP.id_of("Face"), 0).astype(np.uint8)
    found = result_from_maps(CIHP, labels, people)
    corrected = np.zeros((20, 40), np.uint8)
    corrected[:, 2:14], corrected[:, 25:38], corrected[0, :] = 5, 5, 255
    own = nearest_people(corrected, found)
    assert (own[1:, 2:14] == 1).all()
    assert (own[1:, 25:38] == 2).all()
    assert not own[0].any()


def test_a_run_that_gets_no_better_is_stuck(tmp_path):
    watch = Watch(tmp_path, [], tmp_path / "judged.json", 1, [(0, 0.5), (1, 0.6), (2, 0.58)])
    assert not watch.is_stuck()
    watch.judged += [(3, 0.59), (4, 0.6)]
    assert watch.is_stuck()
