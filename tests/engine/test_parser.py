"""What a parser takes from its model's configuration, and what its caller says instead."""

from __future__ import annotations

import pytest

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP
from tests.support.family import small_document
from tests.support.picture_bytes import photo_rgb


@pytest.mark.parametrize(
    ("model_flips", "asked", "looks"),
    [(False, None, 1), (True, None, 2), (True, False, 1), (False, True, 2)],
)
def test_the_network_sees_mirrored_photos_where_the_model_or_the_caller_says_so(
    model_flips, asked, looks
):
    network = M2FP(parse_config(small_document(flip=model_flips)))
    parser = HumanParser.from_network(network, flip=asked)
    seen = []
    parser.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    parser.parse(photo_rgb(64, 64))
    assert len(seen) == looks
    assert all(one.equal(seen[0].flip(3)) for one in seen[1:])
