from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from m2fp_cli.storage.tree import OutputTree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[OutputTree]:
    """An empty output."""
    with OutputTree(tmp_path / "out", create=True) as tree:
        yield tree
