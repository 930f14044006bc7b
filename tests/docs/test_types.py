"""The Python of the pages passes a type checker, as it does in the programs that copy it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.pages import PAGES, ROOT, read_blocks

PYTHON = [block for page in PAGES for block in read_blocks(page) if block.language == "python"]


@pytest.mark.slow
def test_the_examples_are_typed(tmp_path):
    files = [tmp_path / f"example_{number}.py" for number in range(len(PYTHON))]
    for path, block in zip(files, PYTHON, strict=True):
        path.write_text(block.text)
    process = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
