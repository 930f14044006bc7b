"""Thin-plate splines: the smoothest map of the plane that meets given points.

F. L. Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", 1989.
OpenCV's shape module has one, but the wheels are built without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray

MIN_SQUARE = 1e-12  # of a distance, so that its logarithm is finite


@dataclass(frozen=True, eq=False)
class ThinPlate:
    """A map of the plane, found by ``fit_thin_plate``.

    Attributes:
        points: (N, 2) float64, normalized: the points that are met.
        weights: (N + 3, 2) float64: of the bends, then of 1, x and y.
        center: (2,) float64, that was subtracted from points.
        scale: by which points were divided afterwards.
    """

    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: float

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where points go.

        Args:
            x: float32 of any shape.
            y: like ``x``.

        Returns:
            float32 x and y of the same shape.
        """
        u = (x.ravel() - self.center[0]) / self.scale
        v = (y.ravel() - self.center[1]) / self.scale
        square = (u[:, None] - self.points[:, 0]) ** 2 + (v[:, None] - self.points[:, 1]) ** 2
        bends = _bend(square)
        out = bends @ self.weights[:-3] + self.weights[-3]
        out += u[:, None] * self.weights[-2] + v[:, None] * self.weights[-1]
        moved = out.astype(np.float32)
        return moved[:, 0].reshape(x.shape), moved[:, 1].reshape(x.shape)


def fit_thin_plate(
    source: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]], stiffness: float = 0.0
) -> ThinPlate:
    """The thin-plate spline that takes points to others.

    Args:
        source: (N, 2) at least three points that are not on a line.
        target: (N, 2) where they go.
        stiffness: how much less the map bends than it would have to, 0 meets the points exactly;
            in units of the bending kernel of points around a distance of 1.
    """
    center = source.mean(axis=0).astype(np.float64)
    scale = max(float(np.sqrt(((source - center) ** 2).sum(axis=1).mean())), 1e-9)
    points = (source.astype(np.float64) - center) / scale
    count = len(points)
    system = np.zeros((count + 3, count + 3))
    square = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    system[:count, :count] = _bend(square) + stiffness * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1, points
    system[count:, :count] = system[:count, count:].T
    wanted = np.zeros((count + 3, 2))
    wanted[:count] = target
    weights = np.linalg.lstsq(system, wanted, rcond=None)[0]
    return ThinPlate(points, weights, center, scale)


def _bend(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel r^2 log r of squared distances."""
    out: NDArray[np.float64] = 0.5 * square * np.log(np.maximum(square, MIN_SQUARE))
    return out
