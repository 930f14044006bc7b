"""The list of kinds says of each what its own file does."""

from __future__ import annotations

import pytest

from m2fp_cli.tryon.kind import BodyKind
from m2fp_cli.tryon.kinds import COLORED_KINDS, KIND_NAMES, kind_of


@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_color_is_enough_for_what_changes_something_worn(name):
    assert kind_of(name).name == name
    assert (name in COLORED_KINDS) == isinstance(kind_of(name), BodyKind)
