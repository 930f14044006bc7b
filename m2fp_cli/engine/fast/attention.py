"""Masked softmax as one compiled pass over the scores, in their own format.

torch fills, subtracts, exponentiates and divides in four passes, in float32. Here the division is
left to the caller, who has 32 numbers a query and head to divide after the weighted sum, not 8,640.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from m2fp_cli.engine.fast.formats import exponential, load, raw, store
from m2fp_cli.engine.threads import share_rows


def weigh_(scores: Tensor, blocked: Tensor) -> Tensor:
    """Turn scores into weights that are still to be divided by their totals.

    Args:
        scores: (M, Q, L) float32 or bfloat16, contiguous; changed: e ** (score - highest), at most
            1; 0 where blocked.
        blocked: (Q, L) bool, contiguous; no row all True.

    Returns:
        (M, Q, 1) float32, the sums over L of the weights as stored.
    """
    heads, queries, length = scores.shape
    totals = np.empty((heads, queries, 1), np.float32)
    array, mask = raw(scores), blocked.numpy()

    def work(query: slice) -> None:
        _weigh(array[:, query], mask[query], totals[:, query])

    share_rows(queries, heads * length, work)
    return torch.from_numpy(totals)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _weigh(scores: Any, blocked: Any, totals: Any) -> None:
    heads, queries, length = scores.shape
    for head in range(heads):
        for query in range(queries):
            row, shut = scores[head, query], blocked[query]
            highest = np.float32(-3.0e38)
            for i in range(length):
                score = np.float32(-3.0e38) if shut[i] else load(row[i])
                highest = score if score > highest else highest
            total = np.float32(0.0)
            for i in range(length):
                weight = exponential(load(row[i]) - highest)
                weight = np.float32(0.0) if shut[i] else weight
                store(row, i, weight)
                total += load(row[i])
            totals[head, query, 0] = total
