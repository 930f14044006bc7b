"""Pages that a merge may have torn."""

from __future__ import annotations

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
