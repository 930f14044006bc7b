"""Where the photo lies in the network's input, and how masks come back to the photo's pixels.

The reference resizes every mask twice: from the decoder's stride to the padded input, then, after
cutting the padding off, to the photo. Both steps are bilinear and separable, so together they are
``rows @ mask @ columns.T`` with two matrices of a few non-zeros a row. That form gives any box of
any mask at photo resolution without computing the whole plane, which keeps memory small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.engine.thresholding import PIXELS_PER_BYTE, ThresholdedMask, threshold_mask
from m2fp_cli.kernels.resample import Taps, argmax_planes, interpolate_plane
from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD

# By how much a class sum must be ahead in cells so that rounding cannot turn it round between them.
_SURE_LEAD = 1e-3


@dataclass(frozen=True)
class InputGeometry:
    """Where one photo lies in the network's input.

    Attributes:
        image_hw: size of the upright photo.
        padded_hw: size of the network's input, multiples of ``size_divisibility``.
        content_xyxy: half-open box of the photo in the padded input.
    """

    image_hw: tuple[int, int]
    padded_hw: tuple[int, int]
    content_xyxy: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Axis:
    """Interpolation along one axis, from mask cells to photo pixels.

    Attributes:
        taps: the cells that every pixel is mixed from, and their weights.
        first: (pixels,) int64, first cell with a weight, non-decreasing unless mirrored.
        last: (pixels,) int64, last cell with a weight.
    """

    taps: Taps
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def pixels_touching(self, cells: NDArray[np.bool_]) -> tuple[int, int]:
        """Half-open range of pixels with a weight on any cell in ``cells`` (cells,) bool."""
        counts = np.concatenate(([0], np.cumsum(cells)))
        touched = np.flatnonzero(counts[self.last + 1] > counts[self.first])
        return (int(touched[0]), int(touched[-1]) + 1) if touched.size else (0, 0)

    def mirrored(self) -> Axis:
        """The same axis with its pixels in mirrored order."""
        return Axis(self.taps[::-1], self.first[::-1], self.last[::-1])


def build_axis(cells: int, padded: int, start: int, stop: int, pixels: int) -> Axis:
    """Both of the reference's resizes along one axis as one interpolation.

    Args:
        cells: length of the mask, in cells.
        padded: length of the padded input, in its pixels.
        start: first input row or column of the photo.
        stop: one past the last.
        pixels: length of the photo, in its pixels.
    """
    upsample = Taps.bilinear(cells, padded)[start:stop]
    taps = Taps.bilinear(stop - start, pixels).after(upsample)
    first, last = taps.index[0], taps.index.max(axis=0)
    return Axis(taps, first.astype(np.int64), last.astype(np.int64))


@dataclass(frozen=True, eq=False)
class MaskGeometry:
    """How mask cells map to photo pixels.

    Attributes:
        rows: the vertical axis.
        columns: the horizontal axis.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def build(
        cls, geometry: InputGeometry, mask_hw: tuple[int, int], *, mirrored: bool = False
    ) -> MaskGeometry:
        """The geometry of masks that the network gives for one input.

        Args:
            geometry: where the photo lies in the input.
            mask_hw: size of the masks, in cells.
            mirrored: the network saw the mirrored photo; the masks are mirrored back.
        """
        x0, y0, x1, y1 = geometry.content_xyxy
        rows = build_axis(mask_hw[0], geometry.padded_hw[0], y0, y1, geometry.image_hw[0])
        columns = build_axis(mask_hw[1], geometry.padded_hw[1], x0, x1, geometry.image_hw[1])
        return cls(rows, columns.mirrored() if mirrored else columns)

    def support_xyxy(self, inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """Half-open box of all photo pixels that may belong to a mask.

        Args:
            inside: (h, w) bool, mask cells above ``MASK_LOGIT_THRESHOLD``. A bilinear sample is a
                convex mix of cells, so a pixel can only be above it if one of its cells is.
        """
        y0, y1 = self.rows.pixels_touching(inside.any(axis=1))
        x0, x1 = self.columns.pixels_touching(inside.any(axis=0))
        return x0, y0, x1, y1

    def resample(self, mask_logits: Tensor, box_xyxy: tuple[int, int, int, int]) -> Tensor:
        """Interpolate mask logits to photo resolution inside a box.

        Args:
            mask_logits: (h, w) or (K, h, w) float32; K may be 0.
            box_xyxy: half-open box in the photo.

        Returns:
            (y1 - y0, x1 - x0) or (K, y1 - y0, x1 - x0) float32.
        """
        x0, y0, x1, y1 = box_xyxy
        if x0 >= x1 or y0 >= y1 or not mask_logits.numel():
            return mask_logits.new_zeros((*mask_logits.shape[:-2], y1 - y0, x1 - x0))
        rows, columns = self.rows.taps[y0:y1], self.columns.taps[x0:x1]
        cells = mask_logits.contiguous().numpy()
        if cells.ndim == 2:
            return torch.from_numpy(interpolate_plane(cells, rows, columns))
        return torch.from_numpy(np.stack([interpolate_plane(c, rows, columns) for c in cells]))

    def threshold(self, mask_logits: Tensor) -> ThresholdedMask:
        """Threshold a mask at photo resolution, inside the box that it may cover.

        Args:
            mask_logits: (h, w) float32.
        """
        cells = mask_logits.contiguous().numpy()
        x0, y0, x1, y1 = self.support_xyxy(cells > MASK_LOGIT_THRESHOLD)
        x0 -= x0 % PIXELS_PER_BYTE
        return threshold_mask(cells, self.rows.taps[y0:y1], self.columns.taps[x0:x1], (x0, y0))

    def argmax(
        self, planes: Tensor, highest: NDArray[np.float32] | None = None
    ) -> NDArray[np.uint8]:
        """Argmax over planes at every pixel of the photo; the first plane on a tie.

        Args:
            planes: (K, h, w) float32.
            highest: (H, W) float32 to write its value to.

        Returns:
            (H, W) uint8 number of the highest plane.
        """
        cells = planes.contiguous().numpy()
        if highest is not None:
            return argmax_planes(cells, self.rows.taps, self.columns.taps, highest)
        # A pixel is a convex mix of cells: the first plane, which is background, has it where it is
        # far enough ahead in all of them.
        open_cells = cells[1:].max(axis=0, initial=-np.inf) > cells[0] - _SURE_LEAD
        x0, y0, x1, y1 = self.support_xyxy(open_cells)
        number = np.zeros((len(self.rows.taps), len(self.columns.taps)), np.uint8)
        if x0 < x1 and y0 < y1:
            rows, columns = self.rows.taps[y0:y1], self.columns.taps[x0:x1]
            number[y0:y1, x0:x1] = argmax_planes(cells, rows, columns)
        return number
