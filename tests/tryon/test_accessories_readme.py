"""``accessories/README.md`` against the kinds."""

from __future__ import annotations

import json
import re

import pytest

from m2fp_cli.tryon.catalog import accessories_folder, list_accessories, load_accessory
from m2fp_cli.tryon.kind import HeadKind
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of

README = (accessories_folder() / "README.md").read_text("utf-8")


def rows_of(header):
    """Cells of a table, which is found by its first line."""
    below = README.split(f"| {' | '.join(header)} |\n", 1)[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in below]


def test_every_kind_and_name_is_listed():
    by_kind: dict[str, list[str]] = {kind: [] for kind in KIND_NAMES}
    for name, kind in list_accessories().items():
        by_kind[kind].append(name)
    listed = dict(rows_of(("kind", "names")))
    assert listed == {kind: ", ".join(names) for kind, names in by_kind.items()}


def test_every_anchor_is_explained():
    kinds = {name: kind_of(name) for name in KIND_NAMES}
    assert rows_of(("kind", "anchor", "where it is")) == [
        [name, f"`{anchor}`", where]
        for name, kind in kinds.items()
        if isinstance(kind, HeadKind)
        for anchor, where in kind.anchors.items()
    ]


def test_every_number_has_its_default_and_range():
    assert rows_of(("kind", "number", "what it is", "default", "range")) == [
        [name, f"`{key}`", one.meaning, f"{one.default:g}", f"{one.low:g} to {one.high:g}"]
        for name in KIND_NAMES
        for key, one in kind_of(name).numbers.items()
    ]


@pytest.mark.parametrize("name", ["hat", "glasses", "earrings", "necklace"])
def test_the_size_that_is_asked_for_is_the_one_that_is_checked(name):
    kind = kind_of(name)
    assert isinstance(kind, HeadKind)
    least = {"earrings": "an earring 100"}.get(name, "at least 300 pixels")
    assert least in README
    assert str(kind.min_side) in least


def test_the_example_is_read(tmp_path):
    found = re.search(r"\n    \{\n(?:    .*\n)+", README)
    assert found is not None
    (tmp_path / "my.json").write_text(found.group())
    picture = (accessories_folder() / "fedora.png").read_bytes()
    (tmp_path / "my.png").write_bytes(picture)
    hat = load_accessory(str(tmp_path / "my.png"), "hat")
    stated = json.loads(found.group())["anchors"]
    assert {name: list(point) for name, point in hat.anchors.items()} == stated
    assert hat.notes == ()
