"""What samples say: quantiles without interpolation, ratios with an interval, nothing thrown away.

Conventions follow MLPerf Inference (the 90th percentile is the figure of a single stream), pyperf
(median and median absolute deviation; doubt where the spread is large) and hyperfine. Samples are
never clipped: a slow one is part of what happened.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_SAMPLES = 2000
LEAST_FOR_INTERVAL = 3  # samples; the interval of fewer would be their range at best
LEAST_FOR_P95, LEAST_FOR_P99 = 200, 1000  # ten samples above the quantile


@dataclass(frozen=True)
class Summary:
    """Samples in a few numbers, all in the samples' unit.

    Attributes:
        count: number of samples.
        mean: arithmetic mean.
        deviation: standard deviation (n - 1); 0 for one sample.
        median: mean of the two middle ones if their number is even.
        mad: median of the absolute deviations from the median.
        least: the smallest.
        most: the largest.
        p90: smallest sample that at least 90 % of the samples do not exceed.
        p95: the same for 95 %; None below 200 samples.
        p99: the same for 99 %; None below 1000 samples.
    """

    count: int
    mean: float
    deviation: float
    median: float
    mad: float
    least: float
    most: float
    p90: float
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Ratio:
    """How many times as large one series is as another.

    Attributes:
        value: median of the pairs' ratios, or ratio of the medians.
        low: lower end of its 95 % bootstrap interval; None with too few samples.
        high: upper end.
        count: number of pairs, or samples of the shorter series.
    """

    value: float
    low: float | None
    high: float | None
    count: int

    @property
    def is_significant(self) -> bool:
        """Whether the interval is there and leaves out 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


def summarize(samples: Sequence[float]) -> Summary:
    """Summary of at least one sample.

    Raises:
        ValueError: there is none.
    """
    if not samples:
        raise ValueError("there are no samples")
    middle, count = statistics.median(samples), len(samples)
    return Summary(
        count=count,
        mean=statistics.fmean(samples),
        deviation=statistics.stdev(samples) if count > 1 else 0.0,
        median=middle,
        mad=statistics.median(abs(sample - middle) for sample in samples),
        least=min(samples),
        most=max(samples),
        p90=percentile(samples, 90),
        p95=percentile(samples, 95) if count >= LEAST_FOR_P95 else None,
        p99=percentile(samples, 99) if count >= LEAST_FOR_P99 else None,
    )


def percentile(samples: Sequence[float], percent: float) -> float:
    """Smallest sample that at least ``percent`` % of the samples do not exceed (nearest rank)."""
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Median of theirs / ours over pairs that were measured one right after the other.

    Args:
        ours: one sample per pair, above 0.
        theirs: the other one, in the same order.
    """
    ratios = np.asarray(theirs, dtype=np.float64) / np.asarray(ours, dtype=np.float64)
    value = float(np.median(ratios))
    if len(ratios) < LEAST_FOR_INTERVAL:
        return Ratio(value, None, None, len(ratios))
    return Ratio(value, *_interval(_resampled_medians(ratios, seed=0)), len(ratios))


def ratio_of_medians(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Median of ``second`` over median of ``first``, for series of two independent runs.

    Args:
        first: samples above 0.
        second: samples above 0, of any number.
    """
    value = statistics.median(second) / statistics.median(first)
    count = min(len(first), len(second))
    if count < LEAST_FOR_INTERVAL:
        return Ratio(value, None, None, count)
    medians = [_resampled_medians(np.asarray(s), seed) for seed, s in enumerate((first, second))]
    return Ratio(value, *_interval(medians[1] / medians[0]), count)


def doubts(name: str, samples: Sequence[float]) -> list[str]:
    """Reasons not to trust a series, in words; none for fewer than three samples."""
    if len(samples) < LEAST_FOR_INTERVAL:
        return []
    summary, found = summarize(samples), []
    if summary.deviation > 0.1 * summary.mean:
        share = summary.deviation / summary.mean
        found.append(f"{name}: the standard deviation is {share:.0%} of the mean")
    if summary.most > 1.5 * summary.mean:
        times = summary.most / summary.mean
        found.append(f"{name}: the slowest sample took {times:.1f} times the mean")
    return found


def _resampled_medians(samples: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Medians of samples drawn with replacement, (BOOTSTRAP_SAMPLES,)."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, len(samples), (BOOTSTRAP_SAMPLES, len(samples)))
    medians: NDArray[np.float64] = np.median(samples[picks], axis=1)
    return medians


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
