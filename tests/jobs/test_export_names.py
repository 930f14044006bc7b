"""What exported photos are called: names that readers take, and no name twice."""

from __future__ import annotations

import pytest

from m2fp_cli.exports import find_format
from m2fp_cli.jobs.export_names import plain_name, settle_names

VITON, DRESS = find_format("viton-hd"), find_format("dresscode")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a", "a"),
        ("sub/b", "sub__b"),
        ("my photo (2)", "my_photo__2_"),
        ("a.jpg.x", "a-jpg.x"),
        ("Grün_01", "Grün_01"),
        ("bad\udcff", "bad_"),
    ],
)
def test_names_hold_nothing_that_readers_take_apart(key, name):
    assert plain_name(key, VITON) == name
    assert "_" not in plain_name(key, DRESS)


def test_two_photos_never_share_a_name():
    keys = ["a b", "a_b", "a/b", "a__b", "a__b~2"]
    names = dict(settle_names(keys, VITON))
    found = [names.get(key) or plain_name(key, VITON) for key in keys]
    assert len(set(found)) == len(keys)
    assert settle_names(["a", "sub/b"], VITON) == ()


def names_of(keys, wanted, earlier=None):
    settled = dict(settle_names(keys, wanted, lambda shared: earlier or {}))
    return {key: settled.get(key, plain_name(key, wanted)) for key in keys}


def test_a_photo_keeps_its_name_when_another_one_comes_that_wants_it():
    assert names_of(["a b", "a_b"], VITON) == {"a b": "a_b", "a_b": "a_b~2"}
    earlier = {"a_b": "a_b"}
    assert names_of(["a b", "a_b"], VITON, earlier) == {"a b": "a_b~2", "a_b": "a_b"}
    assert names_of(["a b", "a_b"], VITON, {"a_b": "../x"})["a_b"] == "a_b~2"
    assert names_of(["a b", "a_b", "a_b~2"], VITON)["a_b"] == "a_b~3"


def test_a_name_is_free_only_if_its_mask_is():
    assert names_of(["x", "x_mask"], find_format("comfyui")) == {"x": "x", "x_mask": "x_mask~2"}
    assert names_of(["x", "x_mask"], VITON) == {"x": "x", "x_mask": "x_mask"}
    assert names_of(["manifest"], find_format("labelme")) == {"manifest": "manifest~2"}


def test_long_names_are_cut_and_stay_apart():
    keys = ["/".join(["d" * 40] * 20 + [name]) for name in "ab"]
    names = [plain_name(key, VITON) for key in keys]
    assert len({*names}) == 2
    assert all(len(f"{name}_p65535~99_mask.png") <= 255 for name in names)


def test_masks_keep_the_photos_folders():
    assert plain_name("sub/b c", find_format("agnostic")) == "sub/b c"
