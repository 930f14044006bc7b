from __future__ import annotations

import pytest

from m2fp_cli.layout import OUTPUT_FOLDERS, is_plain_result_of, is_result_of


@pytest.mark.parametrize("key", ["a", "s/a", "labels", "png", "g", "a.png"])
def test_a_name_that_is_plain_is_a_result(key):
    names = [
        f"{one.name}/{inner}"
        for one in OUTPUT_FOLDERS
        for inner in (key, *(key + s for s in one.suffixes), f"{key}/1.png", f"x{key}.png")
    ]
    plain = [name for name in names if is_plain_result_of(key, name)]
    assert all(is_result_of(key, name) for name in plain)
    assert f"labels/{key}.png" in plain or key in ("png", "g")  # which the search finds
    assert is_result_of(key, f"labels/{key}.png")
    assert not is_plain_result_of(key, f"labels/../{key}.png")
