"""Put pictures into a photo: one resample, premultiplied, in linear light.

Resampling straight alpha leaves dark or pale fringes, blending sRGB values makes edges dark, and
a second resample blurs; so a picture is linearised and premultiplied, shrunk by areas where it
is much too large, and warped once. Only pixels under the picture or its shadow are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.masks import Box
from m2fp_cli.tryon.figure import FloatArray

Picture = NDArray[np.uint8]
Inverse = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
TRACE = 1.0 / 512.0  # alpha below this changes no 8-bit value


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture in the frame of the photo, not yet blended.

    Attributes:
        color: (h, w, 3) float32, linear BGR, premultiplied.
        alpha: (h, w) float32.
        box_xyxy: where it lies in the photo, half-open.
    """

    color: FloatArray
    alpha: FloatArray
    box_xyxy: Box

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the layer, to index the photo with."""
        x0, y0, x1, y1 = self.box_xyxy
        return slice(y0, y1), slice(x0, x1)

    def masked(self, keep: FloatArray) -> Layer:
        """The layer where ``keep`` (h, w, 0..1) lets it through."""
        return replace(self, color=self.color * keep[..., None], alpha=self.alpha * keep)


@cache
def _to_linear_table() -> FloatArray:
    level = np.arange(256, dtype=np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


@cache
def _to_srgb_table() -> NDArray[np.uint8]:
    linear = np.arange(16385, dtype=np.float64) / 16384
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    out: NDArray[np.uint8] = np.round(encoded * 255).astype(np.uint8)
    return out


def to_linear(picture: Picture) -> FloatArray:
    """SRGB levels to linear light, 0..1 float32."""
    if not picture.size:
        return picture.astype(np.float32)
    flat = picture.reshape(picture.shape[0], -1)
    return np.asarray(cv2.LUT(flat, _to_linear_table()), dtype=np.float32).reshape(picture.shape)


def to_srgb(linear: FloatArray) -> Picture:
    """Linear light to sRGB levels; what is outside 0..1 is clipped."""
    index = np.clip(linear * 16384 + 0.5, 0, 16384).astype(np.int32)
    out: Picture = _to_srgb_table()[index]
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
    """Shrink a picture by areas to at most one and a half times its use.

    Args:
        premultiplied: what ``premultiply`` gives.
        magnification: photo pixels per picture pixel.
    """
    shrink = min(1.0, magnification * 1.5)
    if shrink >= 0.9:
        return Sprite(premultiplied, 1.0)
    height, width = premultiplied.shape[:2]
    size = (max(2, round(width * shrink)), max(2, round(height * shrink)))
    small = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
    return Sprite(np.asarray(small, dtype=np.float32), size[0] / width)


def warp_sprite(sprite: Sprite, inverse: Inverse, box_xyxy: Box) -> Layer:
    """Resample a picture into the photo's frame.

    Args:
        sprite: the prepared picture.
        inverse: photo coordinates (pixel centres at .5) to coordinates of the original picture.
        box_xyxy: part of the photo to fill, half-open.
    """
    x0, y0, x1, y1 = box_xyxy
    x, y = np.meshgrid(
        np.arange(x0, x1, dtype=np.float32) + 0.5, np.arange(y0, y1, dtype=np.float32) + 0.5
    )
    u, v = inverse(x, y)
    map_x = (u * sprite.scale - 0.5).astype(np.float32)
    map_y = (v * sprite.scale - 0.5).astype(np.float32)
    warped = cv2.remap(
        sprite.premultiplied, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    alpha = np.clip(warped[..., 3], 0, 1)
    alpha[alpha < TRACE] = 0
    color = np.clip(warped[..., :3], 0, None) * (alpha > 0)[..., None]
    return Layer(color.astype(np.float32), alpha, box_xyxy)


def similarity(
    source: tuple[tuple[float, float], tuple[float, float]],
    target: tuple[tuple[float, float], tuple[float, float]],
) -> NDArray[np.float64]:
    """2x3 matrix that turns, scales and shifts so that two points meet two others.

    Args:
        source: two points of the picture.
        target: where they go in the photo.
    """
    (ax, ay), (bx, by) = source
    (cx, cy), (dx, dy) = target
    turn = complex(dx - cx, dy - cy) / complex(bx - ax, by - ay)
    matrix = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0]])
    matrix[:, 2] = np.array([cx, cy]) - matrix[:, :2] @ np.array([ax, ay])
    return matrix


def affine_inverse(matrix: NDArray[np.float64]) -> Inverse:
    """The inverse of a 2x3 matrix as a function of coordinate arrays."""
    back = cv2.invertAffineTransform(matrix).astype(np.float32)

    def inverse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = back[0, 0] * x + back[0, 1] * y + back[0, 2]
        v = back[1, 0] * x + back[1, 1] * y + back[1, 2]
        return u, v

    return inverse


def covered_box(
    matrix: NDArray[np.float64], size_wh: tuple[int, int], image_hw: tuple[int, int], margin: float
) -> tuple[Box, float]:
    """Box of a warped picture inside the photo, and the share of its own box that is cut off.

    Args:
        matrix: picture to photo.
        size_wh: size of the picture.
        image_hw: size of the photo.
        margin: pixels added on every side.
    """
    width, height = size_wh
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    x, y = matrix @ corners
    x0, y0 = int(np.floor(x.min() - margin)), int(np.floor(y.min() - margin))
    x1, y1 = int(np.ceil(x.max() + margin)), int(np.ceil(y.max() + margin))
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
    touched = layer.alpha >= TRACE
    if shadow is not None:
        touched |= shadow >= TRACE
    if not touched.any():
        return
    below = photo_bgr[layer.slices]
    light = to_linear(below[touched])
    if shadow is not None:
        light *= 1 - shadow[touched][:, None]
    light = light * (1 - layer.alpha[touched][:, None]) + layer.color[touched]
    below[touched] = to_srgb(light)


def shifted(alpha: FloatArray, dx: float, dy: float, sigma: float) -> FloatArray:
    """Alpha moved by a fraction of pixels and blurred: the shape of a shadow."""
    matrix = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    size = alpha.shape[1], alpha.shape[0]
    moved = cv2.warpAffine(alpha, matrix, size)
    if sigma <= 0.3:
        return np.asarray(moved, dtype=np.float32)
    # A wide blur leaves nothing that a smaller picture would lose, and costs its width.
    shrink = max(1, int(sigma / 2.5))
    small = max(1, size[0] // shrink), max(1, size[1] // shrink)
    if shrink > 1:
        moved = cv2.resize(moved, small, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(moved, (0, 0), sigma / shrink)
    if shrink > 1:
        soft = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, dtype=np.float32)
