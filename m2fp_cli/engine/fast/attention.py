"""Masked attention's compiled passes: which positions are blocked, and the softmax of the others.

torch's masked softmax fills, subtracts, exponentiates and divides in four passes, in float32. Here
it is one pass over the scores in their own number format, and the division is left to the caller,
who has 32 numbers a query and head to divide after the weighted sum, not 8,640.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import as_array, exponential, load, store
from m2fp_cli.kernels.softmax import LOWEST_SCORE, exponentiate, update_maxima
from m2fp_cli.kernels.threads import parallel_rows
from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD
from m2fp_cli.kernels.vectors import LANES


def softmax_numerators_(scores: Tensor, blocked: Tensor) -> Tensor:
    """Replace scores by the numerators of their softmax and return the denominators.

    Args:
        scores: (M, Q, L) float32 or bfloat16, contiguous; changed to e ** (score - maximum), which
            is at most 1; 0 where blocked.
        blocked: (Q, L) bool, contiguous; no row may be all True.

    Returns:
        (M, Q, 1) float32, the sums over L of the numerators as stored.
    """
    heads, queries, length = scores.shape
    totals = np.empty((heads, queries, 1), np.float32)
    array, mask = as_array(scores), blocked.numpy()

    def work(query: slice) -> None:
        _exponentiate_rows(array[:, query], mask[query], totals[:, query])

    parallel_rows(queries, heads * length, work)
    return torch.from_numpy(totals)


def blocked_positions(mask_logits: Tensor) -> Tensor:
    """Where each query must not look: outside its mask; a query with an empty mask sees all.

    Args:
        mask_logits: (Q, L) float32, contiguous.

    Returns:
        (Q, L) bool.
    """
    logits = mask_logits.numpy()
    queries, length = logits.shape
    blocked = np.empty((queries, length), np.bool_)
    parallel_rows(queries, length, lambda rows: _threshold_rows(logits[rows], blocked[rows]))
    return torch.from_numpy(blocked)


@compiled
def _threshold_rows(logits: Any, blocked: Any) -> None:
    for query in range(logits.shape[0]):
        row, outside, any_open = logits[query], blocked[query], False
        for i in range(row.shape[0]):
            outside[i] = row[i] < np.float32(MASK_LOGIT_THRESHOLD)
        for i in range(row.shape[0]):
            any_open |= not outside[i]
        if not any_open:
            outside[:] = False


@compiled
def _exponentiate_rows(scores: Any, blocked: Any, totals: Any) -> None:
    heads, queries, length = scores.shape
    whole, lanes = length - length % LANES, np.empty(LANES, np.float32)
    for head in range(heads):
        for query in range(queries):
            row, outside = scores[head, query], blocked[query]
            lanes[:] = np.float32(LOWEST_SCORE)
            for start in range(0, whole, LANES):
                update_maxima(row, outside, start, lanes)
            maximum = lanes.max()
            for i in range(whole, length):
                score = np.float32(LOWEST_SCORE) if outside[i] else load(row[i])
                maximum = score if score > maximum else maximum
            lanes[:] = np.float32(0.0)
            for start in range(0, whole, LANES):
                exponentiate(row, outside, start, maximum, lanes)
            total = lanes.sum()
            for i in range(whole, length):
                numerator = exponential(load(row[i]) - maximum)
                store(row, i, np.float32(0.0) if outside[i] else numerator)
                total += load(row[i])
            totals[head, query, 0] = total
