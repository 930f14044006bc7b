"""Masked softmax as one compiled pass over the scores, in their own format.

torch fills, subtracts, exponentiates and divides in four passes, in float32. Here the division is
left to the caller, who has 32 numbers a query and head to divide after the weighted sum, not 8,640.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import exponential, load, raw, store
from m2fp_cli.kernels.softmax import LOWEST, raise_peaks, soften
from m2fp_cli.kernels.threads import share_rows
from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD
from m2fp_cli.kernels.vectors import LANES


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


def block(mask_logits: Tensor) -> Tensor:
    """What the queries' masks leave out, where a logit is negative; nothing if that is everything.

    Args:
        mask_logits: (Q, L) float32, contiguous.

    Returns:
        (Q, L) bool.
    """
    logits = mask_logits.numpy()
    queries, length = logits.shape
    blocked = np.empty((queries, length), np.bool_)
    share_rows(queries, length, lambda rows: _block(logits[rows], blocked[rows]))
    return torch.from_numpy(blocked)


@compiled
def _block(logits: Any, blocked: Any) -> None:
    for query in range(logits.shape[0]):
        row, shut, seen = logits[query], blocked[query], False
        for i in range(row.shape[0]):
            shut[i] = row[i] < np.float32(MASK_LOGIT_THRESHOLD)
        for i in range(row.shape[0]):
            seen |= not shut[i]
        if not seen:
            shut[:] = False


@compiled
def _weigh(scores: Any, blocked: Any, totals: Any) -> None:
    heads, queries, length = scores.shape
    whole, lanes = length - length % LANES, np.empty(LANES, np.float32)
    for head in range(heads):
        for query in range(queries):
            row, shut = scores[head, query], blocked[query]
            lanes[:] = np.float32(LOWEST)
            for start in range(0, whole, LANES):
                raise_peaks(row, shut, start, lanes)
            highest = lanes.max()
            for i in range(whole, length):
                score = np.float32(LOWEST) if shut[i] else load(row[i])
                highest = score if score > highest else highest
            lanes[:] = np.float32(0.0)
            for start in range(0, whole, LANES):
                soften(row, shut, start, highest, lanes)
            total = lanes.sum()
            for i in range(whole, length):
                weight = exponential(load(row[i]) - highest)
                store(row, i, np.float32(0.0) if shut[i] else weight)
                total += load(row[i])
            totals[head, query, 0] = total
