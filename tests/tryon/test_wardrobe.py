from __future__ import annotations

from unittest.mock import Mock

import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon import wardrobe
from m2fp_cli.tryon.catalog import load_item
from m2fp_cli.tryon.look_file import look_of_options
from m2fp_cli.tryon.wardrobe import Wardrobe


@pytest.mark.parametrize(("most_bytes", "loads"), [(10**9, 2), (0, 4)])
def test_items_are_kept_as_long_as_there_is_room(monkeypatch, most_bytes, loads):
    load = Mock(wraps=load_item)
    monkeypatch.setattr(wardrobe, "load_item", load)
    kept = Wardrobe(most_bytes=most_bytes)
    for _ in range(2):
        items = kept.outfit({"glasses": "round", "hat": "cap"}).items
        assert [item.name for item in items] == ["cap", "round"]
    assert load.call_count == loads


def test_an_item_that_cannot_be_worn_is_said_with_its_place():
    with pytest.raises(UsageError, match=r"^--hat: bowler: is not a file, and no hat has"):
        Wardrobe().check(look_of_options({"hat": "bowler"}))
