"""How good a model is on photos that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ImageError
from m2fp_cli.evaluation.confusion import LabelFigures, count_pixels
from m2fp_cli.training.dataset import IGNORE, SOMEBODY, LabelledPhoto


def evaluate_photos(parser: HumanParser, photos: Iterable[LabelledPhoto]) -> LabelFigures:
    """Confusion counts of the label map over photos; a model that overflows finds nothing."""
    num_labels = parser.config.num_parsing
    counts = np.zeros((num_labels, num_labels), np.int64)
    for photo in photos:
        labels = np.where(photo.labels == SOMEBODY, IGNORE, photo.labels)
        try:
            found = parser.parse(np.ascontiguousarray(photo.rgb[:, :, ::-1])).semantic_map
        except ImageError:  # the run has diverged: an earlier judgement is the better one
            found = np.zeros(labels.shape, np.uint8)
        counts += count_pixels(labels, found, num_labels)
    return LabelFigures(counts, parser.labels)
