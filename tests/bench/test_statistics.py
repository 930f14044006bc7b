"""Figures of the bench against numbers worked out by hand, and clocks that only move when told."""

from __future__ import annotations

import pytest

from m2fp_cli.bench.environment import machine_doubts, waiting_doubts
from m2fp_cli.bench.rounds import Patience, Rounds
from m2fp_cli.bench.statistics import (
    doubts,
    paired_ratio,
    percentile,
    ratio_of_medians,
    summarize,
)
from tests.support.bench_document import small_environment


def test_summary_is_what_a_pencil_says():
    summary = summarize([4.0, 1.0, 2.0, 3.0, 10.0])
    assert (summary.count, summary.least, summary.most) == (5, 1.0, 10.0)
    assert (summary.mean, summary.median, summary.mad) == (4.0, 3.0, 1.0)
    assert summary.deviation == pytest.approx((50 / 4) ** 0.5)
    assert summary.p90 == 10.0


def test_far_quantiles_need_many_samples():
    assert summarize([1.0] * 199).p95 is None
    assert summarize([float(i) for i in range(1, 201)]).p95 == 190.0
    assert summarize([float(i) for i in range(1, 1001)]).p99 == 990.0


def test_no_samples_are_no_summary():
    with pytest.raises(ValueError, match="no samples"):
        summarize([])


@pytest.mark.parametrize(("percent", "wanted"), [(0, 1), (10, 1), (11, 2), (50, 5), (100, 10)])
def test_percentile_is_a_sample_of_nearest_rank(percent, wanted):
    assert percentile(list(range(10, 0, -1)), percent) == wanted


def test_paired_ratio_sees_through_a_busy_machine():
    # Both engines slow down together, the second one is always three times as slow.
    ours = [1.0, 5.0, 1.0, 9.0]
    ratio = paired_ratio(ours, [3 * seconds for seconds in ours])
    assert (ratio.value, ratio.low, ratio.high, ratio.count) == (3.0, 3.0, 3.0, 4)
    assert ratio.is_significant


def test_two_pairs_have_no_interval():
    ratio = paired_ratio([1.0, 1.0], [2.0, 4.0])
    assert (ratio.value, ratio.low, ratio.high) == (3.0, None, None)
    assert not ratio.is_significant


def test_ratio_of_two_runs():
    ratio = ratio_of_medians([1.0, 1.1, 0.9] * 5, [2.0, 2.2, 1.8] * 5)
    assert ratio.value == 2.0
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1.6 <= ratio.low <= 2.0 <= ratio.high <= 2.5
    assert ratio.is_significant


def test_the_same_run_twice_is_not_significant():
    samples = [1.0, 1.4, 0.8, 1.1, 0.9, 1.2]
    assert not ratio_of_medians(samples, samples).is_significant


def test_spread_is_doubted():
    assert doubts("a", [1.0] * 10) == []
    found = doubts("a", [1.0] * 9 + [3.0])
    assert any("standard deviation" in line for line in found)
    assert any("2.5 times the mean" in line for line in found)


def test_a_busy_machine_is_doubted():
    assert machine_doubts(small_environment(load=0.1)) == []
    assert "load 1.5 on 2 cores" in machine_doubts(small_environment(load=1.5))[0]
    assert "held back 3 times" in machine_doubts(small_environment(load=0.1), 3)[0]
    assert waiting_doubts("m2fp", 0.01) == []
    assert "30%" in waiting_doubts("m2fp", 0.3)[0]


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rounds_of(patience: Patience, seconds: float) -> tuple[int, int, Rounds]:
    """Numbers of warm-up and counted rounds when each takes so long."""
    clock = Clock()
    rounds, counts = Rounds(patience, clock), []
    for phase in (rounds.warm_up(), rounds.counted()):
        counts.append(0)
        for _ in phase:
            counts[-1] += 1
            clock.now += seconds
    return counts[0], counts[1], rounds


def test_enough_time_and_enough_samples_end_the_rounds():
    by_time = rounds_of(Patience(10, 3, 1000, warm_up=2), 1.0)
    assert by_time[:2] == (2, 10)
    by_count = rounds_of(Patience(10, 30, 1000, warm_up=2), 1.0)
    assert by_count[:2] == (2, 30)
    assert not by_count[2].is_cut_short


def test_the_budget_ends_the_rounds_before_it_is_passed():
    warm_up, counted, rounds = rounds_of(Patience(10, 30, 20, warm_up=2), 3.0)
    assert (warm_up + counted) * 3.0 <= 20 < (warm_up + counted + 1) * 3.0
    assert rounds.is_cut_short


def test_a_crawling_engine_is_measured_once():
    warm_up, counted, rounds = rounds_of(Patience(10, 30, 20, warm_up=2), 500.0)
    assert (warm_up, counted) == (1, 1)
    assert rounds.is_cut_short
