from __future__ import annotations

import os
import random

import pytest

from m2fp_cli.errors import OutputError
from m2fp_cli.storage import bytes_spool
from m2fp_cli.storage.bytes_spool import BytesSpool


@pytest.mark.parametrize("in_memory", [1, 100, 1 << 20])
def test_every_piece_is_read_again_by_its_place(in_memory, monkeypatch):
    monkeypatch.setattr(bytes_spool, "_IN_MEMORY", in_memory)
    spool, pieces = BytesSpool(), [random.Random(n).randbytes(n % 37) for n in range(200)]
    places = [(spool.append(piece), len(piece)) for piece in pieces]
    assert [spool.read(*place) for place in places] == pieces


def test_a_full_temporary_folder_is_an_error_in_words(monkeypatch):
    monkeypatch.setattr(bytes_spool, "_IN_MEMORY", 1)
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    spool = BytesSpool()
    spool.append(b"ab")
    with pytest.raises(OutputError, match=r"cannot write to the temporary folder .*TMPDIR"):
        spool.append(b"c")
