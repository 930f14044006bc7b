"""What the tests set up for themselves."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest


def test_what_is_compiled_for_the_tests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    runpy.run_path(str(Path(__file__).parent / "conftest.py"))
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
