"""Which person query answers for which person: the assignment of least total cost."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def assign(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Column of every row in the cheapest one-to-one assignment.

    The Hungarian method with shortest augmenting paths (Jonker and Volgenant 1987), O(rows^2 cols).

    Args:
        cost: (rows, columns), finite, rows <= columns.

    Returns:
        (rows,) column indices.

    Raises:
        ValueError: there are more rows than columns.
    """
    rows, columns = cost.shape
    if rows > columns:
        raise ValueError(f"{rows} rows cannot be assigned to {columns} columns")
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, np.intp)  # 0 = free; rows and columns count from 1
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        least, came_from = np.full(columns + 1, math.inf), np.zeros(columns + 1, np.intp)
        done = np.zeros(columns + 1, bool)
        while row_of[column]:
            done[column] = True
            reduced = cost[row_of[column] - 1] - row_price[row_of[column]] - column_price[1:]
            better = ~done[1:] & (reduced < least[1:])
            least[1:][better], came_from[1:][better] = reduced[better], column
            following = int(np.where(done, math.inf, least)[1:].argmin()) + 1
            step = least[following]
            row_price[row_of[done]] += step
            column_price[done] -= step
            least[~done] -= step
            column = following
        while column:
            row_of[column], column = row_of[came_from[column]], int(came_from[column])
    out = np.zeros(rows, np.intp)
    taken = np.flatnonzero(row_of[1:])
    out[row_of[1:][taken] - 1] = taken
    return out


def query_anchors(count: int) -> Tensor:
    """(count, 2) places (x, y) in [0, 1] that the person queries are drawn to, in two rows."""
    columns = (count + 1) // 2
    index = torch.arange(count)
    x = torch.div(index, 2, rounding_mode="floor").add(0.5).div(columns)
    y = torch.remainder(index, 2).mul(0.3).add(0.4)
    return torch.stack((x, y), 1)


@torch.no_grad()
def match_people(
    human_logits: Tensor, mask_logits: Tensor, masks: Tensor, known: Tensor, anchor_weight: float
) -> Tensor:
    """Query of every person of one scene.

    Mask2Former's costs (class 2, cross-entropy 5, dice 5) and, with ``anchor_weight``, the distance
    of a person's center from the query's own place; it settles early which query is for whom.

    Args:
        human_logits: (P, K + 1) class logits of the person queries; next to last = human.
        mask_logits: (P, h, w).
        masks: (M, h, w) float, 1 inside; M <= P.
        known: (h, w) bool, the pixels that count.
        anchor_weight: weight of the distance, 0 = none.

    Returns:
        (M,) int64 indices into the person queries.
    """
    logits, truth = mask_logits.float()[:, known], masks[:, known]
    inside = logits.sigmoid()
    entropy = (F.softplus(logits).sum(1)[:, None] - logits @ truth.t()) / logits.shape[1]
    overlap = inside @ truth.t()
    dice = 1 - (2 * overlap + 1) / (inside.sum(1)[:, None] + truth.sum(1)[None] + 1)
    human = human_logits.float().softmax(-1)[:, -2]
    cost = entropy.mul(5).add(dice, alpha=5).sub(human[:, None], alpha=2)
    if anchor_weight:
        anchors = query_anchors(len(logits)).to(cost.device)
        cost = cost.add(torch.cdist(anchors, centers(masks), p=1), alpha=anchor_weight)
    found = assign(cost.t().double().cpu().numpy())
    queries: Tensor = torch.from_numpy(found)
    return torch.as_tensor(queries, device=mask_logits.device)


def centers(masks: Tensor) -> Tensor:
    """(M, 2) mean (x, y) of every mask (M, h, w), in [0, 1] of the map."""
    height, width = masks.shape[-2:]
    area = masks.sum((1, 2)).clamp(min=1)
    x = (masks.sum(1) * (torch.arange(width, device=masks.device) + 0.5)).sum(1) / area / width
    y = (masks.sum(2) * (torch.arange(height, device=masks.device) + 0.5)).sum(1) / area / height
    return torch.stack((x, y), 1)
