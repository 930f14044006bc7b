"""One photo never ends the judging."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.evaluation.dataset import find_labelled
from m2fp_cli.evaluation.judge import Judge
from m2fp_cli.evaluation.run import judge_photos
from m2fp_cli.records.labels import CIHP

SHORT = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory"
)


def judge(root, error):
    for kind in ("photos", "labels"):
        (root / kind).mkdir()
        for name in "ab":
            Image.fromarray(np.full((6, 4), 5, np.uint8)).save(root / kind / f"{name}.png")

    def parse(photo):
        if photo.name == "a":
            raise error
        return result_from_maps(CIHP, np.full((6, 4), 5, np.uint8))

    source: Any = SimpleNamespace(labels=CIHP, parse=parse)
    judged = Judge(CIHP)
    return judge_photos(find_labelled(root), source, judged, SilentProgress()), judged.figures()


def test_a_photo_for_which_memory_is_short_costs_a_line(tmp_path):
    record, figures = judge(tmp_path, SHORT)
    assert [(one.reason, one.message) for one in record.failures] == [
        ("out_of_memory", "does not fit into memory")
    ]
    assert (figures.photos, figures.labels.mean_iou) == (1, 1.0)


def test_a_fault_of_ours_is_not_hidden(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"):
        judge(tmp_path, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
