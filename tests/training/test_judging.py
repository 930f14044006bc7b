"""Judging a model that is still learning."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from m2fp_cli.errors import ImageError
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.dataset import LabelledPhoto
from m2fp_cli.training.judging import evaluate_photos


def test_a_model_that_overflows_is_judged_as_one_that_finds_nobody():
    def overflow(_image):
        raise ImageError("internal", "cannot be parsed: the model's numbers overflow")

    labels = np.array([[0, 1, 1, 255]], np.uint8)
    photo = LabelledPhoto("1", np.zeros((1, 4, 3), np.uint8), labels, labels)
    config = SimpleNamespace(num_parsing=2)
    parser: Any = SimpleNamespace(config=config, labels=LabelSet(("No", "Top")), parse=overflow)
    assert evaluate_photos(parser, [photo]).counts.tolist() == [[1, 0], [2, 0]]
