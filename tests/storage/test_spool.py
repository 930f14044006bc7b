from __future__ import annotations

import random
import tempfile

import pytest

from m2fp_cli.errors import OutputError
from m2fp_cli.storage import spool
from m2fp_cli.storage.spool import Spool, sorted_on_disk


@pytest.mark.parametrize("count", [0, 1, 255, 256, 4095, 4096, 4097, 9000])
def test_a_spool_is_a_list(count):
    records = [(number, f"{number}\udcff") for number in range(count)]
    spooled = Spool(records)
    assert len(spooled) == count
    assert list(spooled) == records == spooled
    assert spooled[-3:] == records[-3:]
    assert [spooled[place] for place in (0, count // 2, -1) if count] == [
        records[place] for place in (0, count // 2, -1) if count
    ]


def test_what_is_appended_while_reading_is_read_too():
    spooled = Spool(range(5000))
    seen = []
    for number in spooled:
        seen.append(number)
        if number < 5000:
            spooled.append(number + 10_000)
    assert len(seen) == 10_000


@pytest.mark.parametrize("run", [1, 7, 50_000])
def test_sorting_on_the_disk_is_sorting(run, monkeypatch):
    monkeypatch.setattr(spool, "_RUN", run)
    names = [f"{random.Random(1).randrange(100)}{number % 13}" for number in range(300)]
    random.Random(2).shuffle(names)
    pairs = list(enumerate(names))
    assert list(sorted_on_disk(pairs, key=lambda pair: pair[1])) == sorted(
        pairs, key=lambda pair: pair[1]
    )


def test_a_full_temporary_folder_is_said_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match=r"temporary folder .*missing.* TMPDIR"):
        Spool(range(5000))
