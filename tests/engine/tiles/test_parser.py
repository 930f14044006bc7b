"""Tiles with a network, as ``HumanParser`` runs it."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.parser import HumanParser
from tests.support.family import portrait_bgr
from tests.support.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("tiles") / "tiny")


@pytest.mark.parametrize("tiles", ["auto", 2])
def test_without_small_people_the_result_is_that_of_one_pass(model, monkeypatch, tiles):
    for name in ("choose_tiles", "grid_tiles"):
        monkeypatch.setattr(f"m2fp_cli.engine.tiles.passes.{name}", lambda *_: [])
    plain, tiled = (HumanParser(model, tiles=t).parse(portrait_bgr()) for t in ("off", tiles))
    assert np.array_equal(plain.semantic_map, tiled.semantic_map)
    assert np.array_equal(plain.person_map, tiled.person_map)
    assert [i.box_xyxy for i in plain.instances] == [i.box_xyxy for i in tiled.instances]


def test_seconds_are_those_of_all_passes(model):
    parser = HumanParser(model, tiles=2)
    parser.parse(portrait_bgr())
    together = parser.last_seconds
    assert min(together.preprocess, together.network, together.postprocess) > 0
    assert parser.least_side is None
