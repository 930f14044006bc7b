from __future__ import annotations

import random

import pytest

from m2fp_cli.batch import entries as module
from m2fp_cli.batch.entries import Entries, Entry
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.stamps import FileStamp


def entry_of(number: int, ended: float) -> Entry:
    status = Status.FAILED if number % 5 == 0 else Status.DONE
    seconds = PhotoSeconds(read=number / 8, write=0.5)
    files = (f"labels/{number}\udcff.png",)
    report = ImageReport(f"/p/{number}", f"{number}\udcff", status, (3, 4), 2, seconds, files=files)
    return Entry(report, (FileStamp(number, -1, "d"),), "sig", f"run{number % 3}", ended)


@pytest.mark.parametrize("rows", [1, 7, 20_000])
def test_the_latest_entry_of_each_photo_counts(rows, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", rows)
    chance, kept = random.Random(1), Entries()
    twin: dict[str, Entry] = {}
    for number in range(300):
        entry = entry_of(chance.randrange(60), float(chance.randrange(9)))
        kept.add(f"m{number}", entry)
        if entry.ended >= twin.get(entry.report.key, entry).ended:
            twin[entry.report.key] = entry
    assert list(kept.each()) == [twin[key] for key in sorted(twin)]
    assert kept.get_each([*twin, "none"]) == twin


@pytest.mark.parametrize("rows", [1, 20_000])
def test_after_a_clock_was_set_back_the_last_line_of_a_manifest_counts(rows, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", rows)
    kept = Entries()
    for manifest, ended in (("m", 9.0), ("m", 5.0), ("n", 4.0)):
        kept.add(manifest, entry_of(1, ended))
    assert [entry.ended for entry in kept.each()] == [5.0]


def test_what_is_counted_is_what_is_listed():
    kept = Entries()
    for number in range(20):
        kept.add("m" if number % 3 else "n", entry_of(number, 1.0))
    for manifest in ("m", "n", "other"):
        assert kept.count(manifest=manifest) == len(list(kept.each(manifest=manifest)))
    assert len(list(kept.each(failed_only=True))) == 4
