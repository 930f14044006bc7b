"""How alike two arrays of numbers are: Pearson's r, and Spearman's rho."""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import FloatArray


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rho of two arrays of (N,), 1.0 where one of them is constant."""
    ranks = []
    for values in (a, b):
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - 0.5 * (counts - 1))[places].astype(np.float32))
    return correlation(ranks[0], ranks[1])


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's r of two arrays of one shape, in [-1, 1]; 1.0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    # Rounding gives equal arrays 1.0000001, which a check with the limit 1 would call a fault.
    return float(np.clip((a * b).sum() / scale, -1, 1)) if scale > 1e-9 else 1.0
