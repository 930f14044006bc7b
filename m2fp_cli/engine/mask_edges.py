"""Moves the edges of masks to the edges of the photo, with the guided filter.

The network's masks have one cell for four pixels of its input along each axis, and bilinear scaling
loses all that is finer. The guided filter (He, Sun and Tang,
https://doi.org/10.1109/TPAMI.2012.213) writes a mask as a linear function of the nearby colors, so
that it changes where they change. Its fast form (https://arxiv.org/abs/1505.00996) fits the
functions on the coarse cells and applies them to the fine colors. On the starter's held-out photos
that gains 1.2 points of mean IoU, 1.0 of person against background, 2.1 of Face and 2.4 of Hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.arrays import FloatArray
from m2fp_cli.engine.preprocess import PIXEL_STD
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.resample import Taps, horizontal_pass
from m2fp_cli.kernels.threads import parallel_map
from m2fp_cli.network.mask_decoder import QueryPrediction

# Chosen on the held-out photos; half or twice the regularization changes mean IoU by less than
# 0.0005.
_WINDOW = (3, 3)  # cells
_REGULARIZATION = 1e-3  # the filter's epsilon, added to the variance of colors in [0, 1]
# Logits are clipped to this before they are filtered: how far above it a mask is inside must not
# decide where it ends.
_LOGIT_LIMIT = 3.0
_LOGIT_GAIN = 2.0  # the filtered logits are multiplied by this, so that scores keep their scale
# A query whose best class is less likely than this is left out. Of the starter's 70 queries, thirty
# of just under 0.01 together moved the label of 3 pixels in 10000.
_MIN_PROBABILITY = 0.001
_MARGIN_CELLS = 3  # around a mask: one for its window, one for the coefficients', one to scale from


@dataclass(frozen=True, eq=False)
class Guide:
    """The photo that guides the filter.

    Attributes:
        fine: (3, H, W) float32 RGB at the network's input size, scaled so that black and white
            differ by 1; the mean is not added back.
        coarse: (h, w, 3) float32, the means of ``fine`` in the masks' cells.
        mean: (h, w, 3) float32, means of ``coarse`` in the window.
        inverse: (h, w, 3, 3) float32, inverse of the window's regularized covariance.
        rows: taps from h cells to H pixels; H is a multiple of h.
        columns: taps from w cells to W pixels; W is a multiple of w.
    """

    fine: FloatArray
    coarse: FloatArray
    mean: FloatArray
    inverse: FloatArray
    rows: Taps
    columns: Taps

    @classmethod
    def from_input(cls, image: Tensor, mask_hw: tuple[int, int]) -> Guide:
        """The guide of one network input.

        Args:
            image: (1, 3, H, W) float32, normalized RGB.
            mask_hw: size of the masks, in cells.
        """
        fine = (
            image[0].contiguous().numpy() * (np.array(PIXEL_STD, np.float32) / 255)[:, None, None]
        )
        small = [cv2.resize(plane, mask_hw[::-1], interpolation=cv2.INTER_AREA) for plane in fine]
        coarse = np.stack(small, axis=-1)
        mean = _box_mean(coarse)
        products = _box_mean((coarse[:, :, :, None] * coarse[:, :, None]).reshape(*mask_hw, 9))
        covariance = products.reshape(*mask_hw, 3, 3) - mean[:, :, :, None] * mean[:, :, None]
        covariance += np.float32(_REGULARIZATION) * np.eye(3, dtype=np.float32)
        axes = (
            Taps.bilinear(cells, pixels)
            for cells, pixels in zip(mask_hw, fine.shape[1:], strict=True)
        )
        return cls(fine, coarse, mean, _invert_3x3(covariance), *axes)


def refine_edges(prediction: QueryPrediction, image: Tensor) -> QueryPrediction:
    """Bring masks to the size of the network's input, with their edges on the photo's.

    Args:
        prediction: the network's for one photo: classes (1, Q, K + 1), masks (1, Q, h, w).
        image: (1, 3, H, W) float32, the network's input: normalized RGB; H and W are multiples of
            h and w.

    Returns:
        The same classes; mask logits (1, Q, H, W) float32, the lowest (-6) far from a mask.
    """
    logits = prediction.mask_logits[0].float().numpy()
    guide = Guide.from_input(image, logits.shape[1:])
    lowest = np.float32(-_LOGIT_LIMIT * _LOGIT_GAIN)
    masks = np.full((len(logits), *guide.fine.shape[1:]), lowest)
    for _ in parallel_map(range(len(logits)), lambda i: filter_mask(guide, logits[i], masks[i])):
        pass
    return QueryPrediction(prediction.class_logits, torch.from_numpy(masks)[None])


def likely_queries(prediction: QueryPrediction) -> QueryPrediction:
    """The queries of one photo that may be an object.

    Args:
        prediction: the network's for one photo: classes (1, Q, K + 1), masks (1, Q, h, w).
    """
    probabilities = prediction.class_logits[0].float().softmax(-1)[:, :-1].amax(dim=1)
    likely = probabilities > _MIN_PROBABILITY
    return QueryPrediction(prediction.class_logits[:, likely], prediction.mask_logits[:, likely])


def filter_mask(guide: Guide, logits: FloatArray, mask: FloatArray) -> None:
    """Filter one mask, in and around the cells whose logit is not at the lower limit.

    Args:
        guide: the photo.
        logits: (h, w) float32.
        mask: (H, W) float32, filled with the lowest value; the filtered mask is written into it.
    """
    above_limit = logits > -_LOGIT_LIMIT
    (y0, y1), (x0, x1) = (_range_with_margin(above_limit.any(axis=axis)) for axis in (1, 0))
    if y0 == y1:
        return
    cells = (slice(y0, y1), slice(x0, x1))
    shifted = logits[cells].clip(-_LOGIT_LIMIT, _LOGIT_LIMIT) + np.float32(_LOGIT_LIMIT)
    planes = linear_coefficients(guide, cells, shifted) * np.float32(_LOGIT_GAIN)
    planes[3] -= np.float32(_LOGIT_LIMIT * _LOGIT_GAIN)
    down, rows = _taps_of_cells(guide.rows, y0, y1)
    across, columns = _taps_of_cells(guide.columns, x0, x1)
    wide = np.stack([horizontal_pass(plane, rows, columns) for plane in planes])
    # Whole arrays and where to begin: numba would compile again for every memory layout of a part.
    _apply_coefficients(wide, *rows.arrays, guide.fine, mask, down.start, across.start)


def linear_coefficients(guide: Guide, cells: tuple[slice, slice], values: FloatArray) -> FloatArray:
    """Fit values by a linear function of color around every cell: the filter's a and b.

    Args:
        guide: the photo.
        cells: rows and columns of the values among the photo's cells.
        values: (h, w) float32, taken as 0 outside.

    Returns:
        (4, h, w) float32: the factors of red, green and blue, and the constant, each averaged over
        the windows that a cell lies in.
    """
    mean, color_mean = _box_mean(values), guide.mean[cells]
    covariance = _box_mean(guide.coarse[cells] * values[:, :, None])
    covariance -= color_mean * mean[:, :, None]
    factors = np.einsum("hwij,hwj->hwi", guide.inverse[cells], covariance)
    constant = mean - (color_mean * factors).sum(axis=2)
    coefficients = _box_mean(np.dstack((factors, constant)))
    return np.ascontiguousarray(coefficients.transpose(2, 0, 1))


def _box_mean(planes: FloatArray) -> FloatArray:
    """Mean of the window around every cell, of (h, w) or (h, w, C) planes; borders repeat."""
    return np.asarray(cv2.blur(planes, _WINDOW, borderType=cv2.BORDER_REPLICATE), np.float32)


def _invert_3x3(matrices: FloatArray) -> FloatArray:
    """Invert (..., 3, 3) symmetric matrices, as adjugate over determinant.

    ``np.linalg.inv`` takes 25 ms for 10,000 of them; this takes 2 ms.
    """
    one, two, three = (matrices[..., i, :] for i in range(3))
    adjugate = np.stack((np.cross(two, three), np.cross(three, one), np.cross(one, two)), axis=-2)
    determinant = (one * adjugate[..., 0, :]).sum(axis=-1)
    return np.asarray(adjugate / determinant[..., None, None])


def _range_with_margin(cells: NDArray[np.bool_]) -> tuple[int, int]:
    """Half-open range of the cells that are true, widened by the margin; (0, 0) if none is."""
    found = np.flatnonzero(cells)
    if not found.size:
        return 0, 0
    first, last = int(found[0]) - _MARGIN_CELLS, int(found[-1]) + 1 + _MARGIN_CELLS
    return max(first, 0), min(last, len(cells))


def _taps_of_cells(taps: Taps, first: int, last: int) -> tuple[slice, Taps]:
    """The pixels over a range of cells, and their taps with cells numbered from ``first``."""
    step = len(taps) // (int(taps.index.max()) + 1)
    pixels = slice(first * step, last * step)
    part = taps[pixels]
    return pixels, Taps(part.index.clip(first, last - 1) - np.uint32(first), part.weight)


@compiled
def _apply_coefficients(
    wide: FloatArray,
    index: NDArray[np.uint32],
    weight: FloatArray,
    colors: FloatArray,
    mask: FloatArray,
    top: int,
    left: int,
) -> None:
    """Interpolate (4, h, w) coefficients between rows and apply them to (3, H, W) colors.

    The result is w pixels wide; it is written into the (H, W) mask from ``top`` and ``left`` on.
    """
    right = left + wide.shape[2]
    for y in range(index.shape[1]):
        first, second = index[0, y], index[1, y]
        upper_weight, lower_weight = weight[0, y], weight[1, y]
        out, upper, lower = mask[top + y, left:right], wide[3, first], wide[3, second]
        for x in range(out.shape[0]):
            out[x] = upper_weight * upper[x] + lower_weight * lower[x]
        for channel in range(3):
            upper, lower = wide[channel, first], wide[channel, second]
            color = colors[channel, top + y, left:right]
            for x in range(out.shape[0]):
                out[x] += (upper_weight * upper[x] + lower_weight * lower[x]) * color[x]
