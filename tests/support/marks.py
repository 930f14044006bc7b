"""Whether the file system that tests write to keeps marks, see ``m2fp_cli.storage.marks``."""

from __future__ import annotations

import tempfile

import pytest

from m2fp_cli.storage.marks import make_token

with tempfile.NamedTemporaryFile() as _trial:
    needs_marks = pytest.mark.skipif(
        not make_token(_trial.fileno()), reason="needs a file system with extended attributes"
    )
