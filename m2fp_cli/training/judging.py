"""How good a model is on photos that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.evaluation.confusion import LabelFigures, count_pixels
from m2fp_cli.training.dataset import IGNORE, SOMEBODY, LabelledPhoto


def evaluate_photos(parser: HumanParser, photos: Iterable[LabelledPhoto]) -> LabelFigures:
    """Confusion counts of the label map over photos."""
    num_labels = parser.config.num_parsing
    counts = np.zeros((num_labels, num_labels), np.int64)
    for photo in photos:
        result = parser.parse(np.ascontiguousarray(photo.rgb[:, :, ::-1]))
        labels = np.where(photo.labels == SOMEBODY, IGNORE, photo.labels)
        counts += count_pixels(labels, result.semantic_map, num_labels)
    return LabelFigures(counts, parser.labels)
