"""An accessory, loaded: a picture with transparency and the points that fix it to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, Point
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.compositing import premultiply

VISIBLE_ALPHA = 8  # of 255, above which a pixel is visible content
_SOLID_ALPHA = 127  # of 255, above which a pixel is no shadow and no haze
_LEAST_SOLID = 0.5  # share of the box of what is visible; less solid is something like a veil
_OPAQUE = 250  # of 255, above which a pixel hides what is behind it
_CONTENT_MARGIN = 2  # pixels around the content that are warped with it, so that its edge is soft


@dataclass(frozen=True, eq=False)
class Accessory:
    """One accessory, ready to be placed.

    Attributes:
        name: file name without suffix.
        kind: name of its kind, as in ``kinds.KIND_NAMES``.
        bgra: (H, W, 4) uint8, straight alpha.
        anchors: the points that its kind names, pixels of the picture, left and right as one looks
            at it.
        numbers: the numbers that its kind names.
        style: as its JSON says, such as cap or brim for hats; else empty.
        notes: what had to be guessed, in words.
        stated: its JSON says what it is, or where its anchors are: whatever it looks like.
        file: as it was asked for, a path or a name; empty if it came as bytes.
    """

    name: str
    kind: str
    bgra: NDArray[np.uint8]
    anchors: Mapping[str, Point]
    numbers: Mapping[str, float]
    style: str = ""
    notes: tuple[str, ...] = ()
    stated: bool = False
    file: str = ""

    def __post_init__(self) -> None:
        """Check shape and dtype.

        Raises:
            ValueError: the pixels are not (H, W, 4) uint8.
        """
        if self.bgra.ndim != 3 or self.bgra.shape[2] != 4 or self.bgra.dtype != np.uint8:
            raise ValueError(f"an accessory is uint8 (H, W, 4), got {self.bgra.shape}")

    @property
    def title(self) -> str:
        """What errors call it: the file that was asked for, where there is one."""
        return displayable(self.file or self.name)

    @property
    def is_cut_out(self) -> bool:
        """Whether something of the picture is transparent."""
        return bool((self.bgra[..., 3] <= _OPAQUE).any())

    @cached_property
    def content_xyxy(self) -> Box:
        """Half-open box of all that is visible, with a margin where there is room for it."""
        x0, y0, x1, y1 = _box_of(self.bgra[..., 3] > VISIBLE_ALPHA)
        height, width = self.bgra.shape[:2]
        margin = _CONTENT_MARGIN
        first = max(x0 - margin, 0), max(y0 - margin, 0)
        return *first, min(x1 + margin, width), min(y1 + margin, height)

    @cached_property
    def measured_xyxy(self) -> Box:
        """Half-open box by which its size is measured, see ``content_box``."""
        return content_box(self.bgra)

    @cached_property
    def premultiplied(self) -> NDArray[np.float32]:
        """The pixels of that box: linear BGR times alpha, and alpha, (h, w, 4) float32."""
        x0, y0, x1, y1 = self.content_xyxy
        return premultiply(self.bgra[y0:y1, x0:x1])

    @cached_property
    def mirrored(self) -> Accessory:
        """The accessory seen in a mirror, its left anchors at the right."""
        width = self.bgra.shape[1]
        swapped = {_other_side(k): (width - x, y) for k, (x, y) in self.anchors.items()}
        return replace(self, bgra=np.ascontiguousarray(self.bgra[:, ::-1]), anchors=swapped)


def _other_side(name: str) -> str:
    """Name of an anchor on the other side; one without a side keeps its own."""
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


def content_mask(bgra: NDArray[np.uint8]) -> BoolArray:
    """The accessory without the soft shadow that many product photos have, (H, W) bool.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.
    """
    seen, solid = bgra[..., 3] > VISIBLE_ALPHA, bgra[..., 3] > _SOLID_ALPHA
    if not solid.any():
        return seen
    (x0, y0, x1, y1), (left, upper, right, lower) = _box_of(seen), _box_of(solid)
    share = (right - left) * (lower - upper) / ((x1 - x0) * (y1 - y0))
    return solid if share >= _LEAST_SOLID else seen


def content_box(bgra: NDArray[np.uint8]) -> Box:
    """Box of the accessory: by it, not by the picture, its size is measured.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.

    Returns:
        x0, y0, x1, y1, half-open.
    """
    return _box_of(content_mask(bgra))


def _box_of(mask: BoolArray) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
