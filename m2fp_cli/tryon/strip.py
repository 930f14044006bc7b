"""Bent strips: how far along a chain of two links a pixel is, and how far beside it."""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import FloatArray

END = 3.0  # how far the first and the last link go on beyond their ends, shares of their length


def along_chain(joints: FloatArray, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where points lie on a chain of two links.

    Args:
        joints: (3, 2) its points.
        x: columns, any shape.
        y: rows, like ``x``.

    Returns:
        float32 like ``x``: the distance along the chain from its first point, negative before it
        and larger than its length beyond its end, and the distance beside it, positive to the left
        of the way along it as one sees it in the photo.
    """
    x, y = np.broadcast_arrays(np.asarray(x, np.float32), np.asarray(y, np.float32))
    links = np.diff(joints, axis=0)
    lengths = np.maximum(np.linalg.norm(links, axis=1), 1e-3)
    found = []
    for i in (0, 1):
        unit = links[i] / lengths[i]
        dx, dy = x - joints[i, 0], y - joints[i, 1]
        along = dx * unit[0] + dy * unit[1]
        beside = dx * unit[1] - dy * unit[0]
        low, high = (-END * lengths[0], lengths[0]) if i == 0 else (0.0, (1 + END) * lengths[1])
        over = along - np.clip(along, low, high)
        found.append((along, beside, np.hypot(over, beside)))
    (first, left, near), (second, right, far) = found
    on_first = near <= far
    # On the outer side of the bend neither link is beside a pixel: it is at the bend.
    along = np.where(on_first, np.minimum(first, lengths[0]), lengths[0] + np.maximum(second, 0.0))
    distance = np.where(on_first, near, far)
    beside = np.where(on_first, np.sign(left), np.sign(right)) * distance
    return along.astype(np.float32), beside.astype(np.float32)


def point_at(
    joints: FloatArray, along: FloatArray, beside: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The inverse of ``along_chain``.

    Args:
        joints: (3, 2) points of the chain.
        along: distance along it from its first point.
        beside: distance beside it.

    Returns:
        float32 x and y like ``along``.
    """
    links = np.diff(joints, axis=0)
    lengths = np.maximum(np.linalg.norm(links, axis=1), 1e-3)
    units = links / lengths[:, None]
    second = along > lengths[0]
    unit = np.where(second[..., None], units[1], units[0])
    start = np.where(second[..., None], joints[1], joints[0])
    rest = np.where(second, along - lengths[0], along)
    x = start[..., 0] + rest * unit[..., 0] + beside * unit[..., 1]
    y = start[..., 1] + rest * unit[..., 1] - beside * unit[..., 0]
    return x.astype(np.float32), y.astype(np.float32)
