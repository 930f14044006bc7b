"""The parts of ``make torture``: its readers read what is whole, its storm finds the processes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")  # the rest is run by `make torture`

from tests.torture.__main__ import SECTIONS
from tests.torture.corpus import write_corpus
from tests.torture.kills import family_of
from tests.torture.mutations import damage
from tests.torture.photos import fingerprint, inspect_output, results_of
from tests.torture.reader_process import FindingError, check
from tests.torture.reader_targets import READERS, Reader
from tests.torture.setting import ROOT, Setting


def setting_in(folder: Path) -> Setting:
    return Setting(folder, seed=1, effort=0.01, model=folder)


@pytest.mark.parametrize("name", READERS)
def test_what_is_whole_is_read(tmp_path, tiny_model, name):
    reader = READERS[name](tmp_path, tiny_model)
    for data in reader.valid:
        reader.read(data)


def test_every_section_is_there():
    assert all((ROOT / "tests" / "torture" / f"{name}.py").is_file() for name in SECTIONS)


@pytest.mark.parametrize("error", [TypeError("x"), MemoryError(), AssertionError("raw text")])
def test_what_comes_out_of_a_reader_is_a_finding(error):
    def read(data: bytes) -> None:
        raise error

    with pytest.raises(FindingError):
        check(Reader(read, (), None, (ValueError,)), b"x")  # type: ignore[arg-type]


def test_damage_changes_bytes_and_the_seed_decides_how():
    data = bytes(range(256)) * 4
    damaged = [damage(data, random.Random(seed)) for seed in range(50)]
    assert sum(one != data for one in damaged) > 45
    assert damaged[7] == damage(data, random.Random(7))


def test_a_half_written_result_and_a_temporary_are_findings(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.json").write_text("{")
    (tmp_path / ".m2fp-01234567.tmp").touch()
    setting = setting_in(tmp_path)
    assert inspect_output(setting, tmp_path, "now") == 0
    assert len(setting.findings) == 2


def test_a_corpus_is_the_same_for_the_same_seed(tmp_path):
    for name in ("one", "two"):
        write_corpus(setting_in(tmp_path), tmp_path / name)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert len(results_of(tmp_path / "one")) > 70


def test_processes_of_a_run_are_told_apart(tmp_path):
    process = setting_in(tmp_path).start("parse", "--help")
    kinds = family_of(process.pid)
    process.communicate()
    assert kinds == {"run": [process.pid]}
    assert family_of(process.pid) == {}
