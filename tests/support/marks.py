"""Whether the file system that tests write to keeps marks, see ``m2fp_cli.storage.marks``."""

from __future__ import annotations

import tempfile

import pytest

from m2fp_cli.storage.marks import can_mark

with tempfile.NamedTemporaryFile() as _trial:
    needs_marks = pytest.mark.skipif(
        not can_mark(_trial.fileno()), reason="needs a file system with extended attributes"
    )
