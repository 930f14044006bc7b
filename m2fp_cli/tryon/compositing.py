"""Put pictures into a photo: one resample, premultiplied, in linear light.

Resampling straight alpha leaves dark or pale fringes, blending sRGB values makes edges dark, and
a second resample blurs; so a picture is made linear and premultiplied, downsampled where it is much
too large, and warped once. Only pixels under the picture or its shadow are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.channels import to_three_channels
from m2fp_cli.tryon.figure import Figure

Inverse = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Photo coordinates, float32 x and y of any shape, to coordinates of a picture."""

MIN_ALPHA = 1.0 / 512.0  # less changes no 8-bit value
BLOCK_ROWS = 48  # rows worked on at a time: what they need stays in the processor's cache
SPRITE_OVERSIZE = 1.5  # picture pixels per photo pixel that are kept
LEAST_SHRINKING = 0.9  # a picture is not downsampled by less
SIGMA_PER_SHRINK = 2.5  # of a wide blur, pixels, for each time that it is done at a smaller size
MIN_SIGMA = 0.3  # pixels; a narrower blur is left out


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture at its place in the photo, not yet blended.

    Attributes:
        color: (h, w, 3) float32, linear BGR, premultiplied.
        alpha: (h, w) float32.
        box_xyxy: where it lies in the photo, half-open.
        noise: (h, w) int8 levels, grain to be added as far as the layer is opaque.
    """

    color: FloatArray
    alpha: FloatArray
    box_xyxy: Box
    noise: NDArray[np.int8] | None = None

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the layer, to index the photo with."""
        x0, y0, x1, y1 = self.box_xyxy
        return slice(y0, y1), slice(x0, x1)

    def masked(self, keep: FloatArray) -> Layer:
        """The layer with its opacity multiplied by a mask.

        Args:
            keep: (h, w) float32, 0..1.
        """
        color = self.color * to_three_channels(keep) if keep.size else self.color
        return replace(self, color=color, alpha=self.alpha * keep)


def alpha_in_window(layer: Layer, figure: Figure) -> FloatArray:
    """The layer's alpha in the figure's window.

    Returns:
        (h, w) float32 like the figure's maps, 0 outside the layer.
    """
    out = np.zeros(figure.label_map.shape, dtype=np.float32)
    x0, y0, x1, y1 = layer.box_xyxy
    stride = figure.stride
    left, upper = (start + stride // 2 for start in figure.origin_xy)
    # The first of the figure's pixels in the layer, and the first that are beyond it.
    columns = [max(-(-(x - left) // stride), 0) for x in (x0, x1)]
    rows = [max(-(-(y - upper) // stride), 0) for y in (y0, y1)]
    into = out[slice(*rows), slice(*columns)]
    if into.size:
        first_y, first_x = upper + stride * rows[0] - y0, left + stride * columns[0] - x0
        part = layer.alpha[first_y::stride, first_x::stride]
        into[...] = part[: into.shape[0], : into.shape[1]]
    return out


@dataclass(frozen=True, eq=False)
class Sprite:
    """A picture prepared for warping.

    Attributes:
        premultiplied: (h, w, 4) float32, linear BGR times alpha, alpha.
        scale: size of it relative to the original picture.
    """

    premultiplied: FloatArray
    scale: float


def premultiply(bgra: Picture) -> FloatArray:
    """Linear light times alpha, and alpha: (H, W, 4) float32 of straight (H, W, 4) uint8."""
    alpha = bgra[..., 3:].astype(np.float32) / 255
    return np.concatenate((to_linear(bgra[..., :3]) * alpha, alpha), axis=2)


def shrink_sprite(premultiplied: FloatArray, magnification: float) -> Sprite:
    """Downsample a picture that is much larger than it will be in the photo.

    Args:
        premultiplied: what ``premultiply`` gives.
        magnification: photo pixels per picture pixel.
    """
    shrink = min(1.0, magnification * SPRITE_OVERSIZE)
    if shrink >= LEAST_SHRINKING:
        return Sprite(premultiplied, 1.0)
    height, width = premultiplied.shape[:2]
    size = (max(2, round(width * shrink)), max(2, round(height * shrink)))
    small = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
    return Sprite(np.asarray(small, dtype=np.float32), size[0] / width)


def warp_sprite(sprite: Sprite, inverse: Inverse, box_xyxy: Box) -> Layer:
    """Resample a picture to the pixels of the photo.

    Args:
        sprite: the prepared picture.
        inverse: photo coordinates (pixel centers at .5) to coordinates of the original picture.
        box_xyxy: part of the photo to fill, half-open.
    """
    x0, y0, x1, y1 = box_xyxy
    x = np.arange(x0, x1, dtype=np.float32)[None] + 0.5
    y = np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5
    color = np.empty((y1 - y0, x1 - x0, 3), dtype=np.float32)
    alpha = np.empty((y1 - y0, x1 - x0), dtype=np.float32)
    for first in range(0, y1 - y0, BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        maps = [
            np.broadcast_to(place * np.float32(sprite.scale) - np.float32(0.5), alpha[rows].shape)
            for place in inverse(x, y[rows])
        ]
        u, v = (np.ascontiguousarray(place, dtype=np.float32) for place in maps)
        warped = cv2.remap(
            sprite.premultiplied, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        color[rows] = cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR)
        part = cv2.extractChannel(warped, 3)
        alpha[rows] = np.where(part < MIN_ALPHA, 0, np.minimum(part, 1))
    return Layer(color, alpha, box_xyxy)


def similarity(
    source: tuple[tuple[float, float], tuple[float, float]],
    target: tuple[tuple[float, float], tuple[float, float]],
) -> NDArray[np.float64]:
    """(2, 3) matrix that rotates, scales and shifts so that two points meet two others.

    Args:
        source: two points of the picture.
        target: where they go in the photo.
    """
    (ax, ay), (bx, by) = source
    (cx, cy), (dx, dy) = target
    factor = complex(dx - cx, dy - cy) / complex(bx - ax, by - ay)
    matrix = np.array([[factor.real, -factor.imag, 0.0], [factor.imag, factor.real, 0.0]])
    matrix[:, 2] = np.array([cx, cy]) - matrix[:, :2] @ np.array([ax, ay])
    return matrix


def affine_inverse(matrix: NDArray[np.float64]) -> Inverse:
    """The inverse of a (2, 3) matrix as a function of coordinate arrays."""
    back = cv2.invertAffineTransform(matrix).astype(np.float32)

    def inverse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = back[0, 0] * x + back[0, 1] * y + back[0, 2]
        v = back[1, 0] * x + back[1, 1] * y + back[1, 2]
        return u, v

    return inverse


def covered_box(
    matrix: NDArray[np.float64],
    size_wh: tuple[int, int],
    image_hw: tuple[int, int],
    margin: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> tuple[Box, float]:
    """Box of a warped picture inside the photo, and the share of its own box that is cut off.

    Args:
        matrix: (2, 3), picture to photo.
        size_wh: size of the picture.
        image_hw: size of the photo.
        margin: pixels added at the left, above, at the right and below.
    """
    width, height = size_wh
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    x, y = matrix @ corners
    left, above, right, below = margin
    x0, y0 = int(np.floor(x.min() - left)), int(np.floor(y.min() - above))
    x1, y1 = int(np.ceil(x.max() + right)), int(np.ceil(y.max() + below))
    cx0, cy0 = min(max(x0, 0), image_hw[1]), min(max(y0, 0), image_hw[0])
    cx1, cy1 = max(min(x1, image_hw[1]), cx0), max(min(y1, image_hw[0]), cy0)
    full = max((x1 - x0) * (y1 - y0), 1)
    return (cx0, cy0, cx1, cy1), 1.0 - (cx1 - cx0) * (cy1 - cy0) / full


def blend(photo_bgr: Picture, layer: Layer, shadow: FloatArray | None = None) -> None:
    """Blend a layer over the photo in place; what neither it nor its shadow touches stays as is.

    Args:
        photo_bgr: (H, W, 3) uint8, changed.
        layer: what to put there.
        shadow: (h, w) float32 share of the light that is taken away, in the layer's box.
    """
    below = photo_bgr[layer.slices]
    touched = touched_pixels(layer, shadow)
    columns = np.flatnonzero(touched.any(axis=0))
    if not columns.size:
        return
    for first in range(0, len(touched), BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS), slice(int(columns[0]), int(columns[-1]) + 1)
        if touched[part].any():
            _blend_part(below, layer, shadow, touched, part)


def touched_pixels(layer: Layer, shadow: FloatArray | None) -> NDArray[np.bool_]:
    """Pixels of the layer's box that it or its shadow changes.

    Args:
        layer: what is blended.
        shadow: (h, w) float32 share of the light that is taken away, in the layer's box.
    """
    touched: NDArray[np.bool_] = layer.alpha >= MIN_ALPHA
    if shadow is not None:
        touched |= shadow >= MIN_ALPHA
    return touched


def grain_levels(noise: NDArray[np.int8], alpha: FloatArray) -> NDArray[np.int16]:
    """Grain as far as a layer is opaque, in levels of 255.

    Args:
        noise: int8 levels.
        alpha: of the layer, of the same shape.
    """
    out: NDArray[np.int16] = np.rint(noise * alpha).astype(np.int16)
    return out


def _blend_part(
    below: Picture,
    layer: Layer,
    shadow: FloatArray | None,
    touched: NDArray[np.bool_],
    part: tuple[slice, slice],
) -> None:
    """Blend some rows and columns of a layer into the photo below it."""
    alpha = layer.alpha[part]
    through = 1 - alpha
    if shadow is not None:
        through *= 1 - shadow[part]
    old = np.ascontiguousarray(below[part])
    light = to_linear(old)
    light *= to_three_channels(through)
    light += layer.color[part]
    levels = to_srgb(light)
    if layer.noise is not None:
        noise = grain_levels(layer.noise[part], alpha)
        gray = cv2.merge((noise, noise, noise))
        levels = np.asarray(cv2.add(levels, gray, dtype=cv2.CV_8U), dtype=np.uint8)
    seen = np.ascontiguousarray(touched[part]).view(np.uint8)
    below[part] = cv2.copyTo(levels, seen, old)


def shift_and_blur(alpha: FloatArray, dx: float, dy: float, sigma: float) -> FloatArray:
    """Move an alpha and blur it: the shape of a shadow.

    Args:
        alpha: (h, w) float32.
        dx: pixels to the right, fractions too.
        dy: pixels down.
        sigma: standard deviation of the blur, pixels.
    """
    size = alpha.shape[1], alpha.shape[0]
    # A wide blur leaves nothing that a smaller picture would lose, and costs its width.
    shrink = max(1, int(sigma / SIGMA_PER_SHRINK))
    small = max(1, size[0] // shrink), max(1, size[1] // shrink)
    if shrink > 1:
        alpha = np.asarray(cv2.resize(alpha, small, interpolation=cv2.INTER_AREA), np.float32)
    across, down = dx * small[0] / size[0], dy * small[1] / size[1]
    moved = cv2.warpAffine(alpha, np.array([[1.0, 0.0, across], [0.0, 1.0, down]]), small)
    soft = cv2.GaussianBlur(moved, (0, 0), sigma / shrink) if sigma > MIN_SIGMA else moved
    if shrink > 1:
        soft = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, dtype=np.float32)
