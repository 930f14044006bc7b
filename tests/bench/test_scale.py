from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.bench import scale
from m2fp_cli.bench.scale import Scale, simulate
from tests.support.parsed_tree import make_tree

PLAIN = Scale(
    photos=8000, core_seconds=2.0, start_seconds=0, interruptions_per_hour=0,
    list_seconds=0, plan_seconds=0,
)  # fmt: skip
EQUAL = np.ones(3)


def test_without_losses_the_work_is_divided_by_the_cores():
    even = replace(PLAIN, machine_spread=0.0)
    for cores in (8, 80):
        one = simulate(even, EQUAL, cores, 100)
        assert one.hours == pytest.approx(8000 * 2.0 / cores / 3600)
        assert one.efficiency == pytest.approx(1.0)
        assert one.interruptions == 0


def test_start_and_stragglers_cost_what_they_must():
    slow = replace(PLAIN, machine_spread=0.0, start_seconds=10.0)
    per_slice = 10.0 + 100 * 2.0 / 8
    assert simulate(slow, EQUAL, 8, 100).hours == pytest.approx(80 * per_slice / 3600)
    assert simulate(slow, EQUAL, 8 * 79, 100).hours == pytest.approx(2 * per_slice / 3600)
    one_slice = simulate(slow, EQUAL, 800, 8000)
    assert one_slice.efficiency < 0.01
    assert one_slice.last_hours == pytest.approx(one_slice.hours)


def test_lists_and_plans_cost_what_they_must():
    listed = replace(PLAIN, machine_spread=0.0, list_seconds=0.5, plan_seconds=0.1)
    one = simulate(listed, EQUAL, 8, 100)
    assert one.hours == pytest.approx((8000 * 0.5 + 8000 * 0.1 + 8000 * 2.0 / 8) / 3600)
    assert one.efficiency == pytest.approx(2000 / 2800)


def test_the_same_seed_gives_the_same_run_and_spot_machines_cost_time():
    spot = replace(PLAIN, photos=800_000, interruptions_per_hour=2.0)
    one, other = (simulate(spot, np.array([1.0, 5.0]), 80, 1000) for _ in range(2))
    assert one == other
    assert one.interruptions > 0
    steady = replace(spot, interruptions_per_hour=0.0)
    assert one.hours > simulate(steady, np.array([1.0, 5.0]), 80, 1000).hours


def test_the_table_takes_the_times_of_an_output(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scale, "CORES", (8, 16))
    _, output = make_tree(tmp_path / "two")
    scale.main([str(output), "--photos", "1000"])
    printed = capsys.readouterr().out
    assert "photos: 1,000\n" in printed
    assert len([line for line in printed.splitlines() if line.startswith("| ")]) == 2 + 12
    _, output = make_tree(tmp_path / "one", ("a",))
    for given, line in ((output, "no photos whose times"), (tmp_path / "none", "is not there")):
        with pytest.raises(SystemExit) as ended:
            scale.main([str(given)])
        said = capsys.readouterr().err
        assert ended.value.code == 66
        assert said.startswith("m2fp: ")
        assert (line in said, said.count("\n")) == (True, 1)
