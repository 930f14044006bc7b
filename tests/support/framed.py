"""What somebody does with the manifest of a data set: puts a result back into its photo."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Picture
from m2fp_cli.exports.framing import Frame


def frame_of(record: dict[str, Any]) -> Frame:
    """The frame of a manifest's record."""
    x0, y0, x1, y1 = (int(n) for n in record["window_xyxy"])
    (width, height), (photo_width, photo_height) = record["size_wh"], record["photo_wh"]
    return Frame((x0, y0, x1, y1), (int(width), int(height)), (int(photo_height), int(photo_width)))


def put_back(
    frame: Frame, picture: Picture, image_bgr: Picture, mask: NDArray[np.uint8]
) -> Picture:
    """A picture of the frame's size back into its photo, where the mask is white."""
    x0, y0, x1, y1 = frame.window_xyxy
    height, width = frame.photo_hw
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    inside = np.s_[top:bottom, left:right]
    outside = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
    size = (x1 - x0, y1 - y0)
    weight = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)[..., None] / 255.0
    wide = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    done = image_bgr.copy()
    mixed = done[inside] * (1 - weight[outside]) + np.asarray(wide)[outside] * weight[outside]
    done[inside] = np.rint(mixed).astype(np.uint8)
    return done
