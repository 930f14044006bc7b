"""Results of an earlier parse that are judged."""

from __future__ import annotations

import pytest

from m2fp_cli.errors import NoInputError
from m2fp_cli.evaluation.dataset import LabelledPhoto
from m2fp_cli.evaluation.sources import ResultSource
from tests.support.hostile_folders import without_rights


def test_results_that_cannot_be_looked_at_are_not_called_missing():
    with without_rights() as folder:
        photo = folder / "a.jpg"
        photo.touch()
        (folder / "results").mkdir(mode=0)
        with pytest.raises(NoInputError, match=r"/results/a\.json cannot be read \(Permission"):
            ResultSource(folder, [LabelledPhoto("a", photo, folder / "a.png", None)])
