"""Taps as dense matrices and back, and torch's own interpolation as one."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from m2fp_cli.kernels.resample import Taps

Matrix = NDArray[np.float32]


def interpolation(size: int, out: int) -> Matrix:
    """(out, size): what torch makes of every unit vector."""
    eye = torch.eye(size)[None]
    return F.interpolate(eye, out, mode="linear", align_corners=False)[0].T.numpy()


def as_matrix(taps: Taps, cells: int) -> Matrix:
    """(pixels, cells)."""
    matrix = np.zeros((len(taps), cells), np.float32)
    np.add.at(matrix, (np.arange(len(taps)), taps.index), taps.weight)
    return matrix


def taps_of(matrix: Matrix) -> Taps:
    """The non-zeros of (pixels, cells), those of a pixel one after another."""
    count = max(1, int(np.count_nonzero(matrix, axis=1).max(initial=0)))
    order = np.argsort(matrix == 0, axis=1, kind="stable")[:, :count]
    weight = np.take_along_axis(matrix, order, axis=1)
    index = np.where(weight != 0, order, order[:, :1]).astype(np.uint32)
    return Taps(np.ascontiguousarray(index.T), np.ascontiguousarray(weight.T))
