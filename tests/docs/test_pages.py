"""Pages that a merge may have torn, or that lag behind the files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.pages import PAGES

LONG = 60  # characters; shorter lines of code and tables may well be the same


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_says_a_thing_twice(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    counts = Counter(line for line in lines if line.startswith("#") or len(line) > LONG)
    assert [line for line, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("folder", ["training", "m2fp_cli/training"])
def test_what_teaches_and_measures_is_listed(folder: str) -> None:
    root = Path(__file__).parents[2]
    rows = re.findall(r"^\|(.+)\|.+\|$", (root / "training" / "README.md").read_text("utf-8"), re.M)
    listed = set(re.findall(r"`(\w+\.py)`", "".join(rows)))
    there = {path.name for path in (root / folder).glob("*.py")} - {"__init__.py"}
    assert there - listed == set()
