"""OKLab, a space in which equal steps of lightness, chroma and hue look equally large.

B. Ottosson, 2020, https://bottosson.github.io/posts/oklab/; unlike CIE Lab it keeps the hue of
blues and violets while their lightness changes.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import FloatArray

_TO_LMS = np.array(  # of linear BGR
    [
        [0.0514459929, 0.5363325363, 0.4122214708],
        [0.1073969566, 0.6806995451, 0.2119034982],
        [0.6299787005, 0.2817188376, 0.0883024619],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_OF_LAB = np.linalg.inv(_TO_LAB.astype(np.float64)).astype(np.float32)
_OF_LMS = np.linalg.inv(_TO_LMS.astype(np.float64)).astype(np.float32)


def to_oklab(light: FloatArray) -> FloatArray:
    """OKLab of linear light.

    Args:
        light: (h, w, 3) float32 linear BGR, 0..1.

    Returns:
        (h, w, 3) float32: L of 0..1, a and b of about -0.4..0.4.
    """
    lms = np.cbrt(np.maximum(cv2.transform(light, _TO_LMS), 0))
    return np.asarray(cv2.transform(lms.astype(np.float32), _TO_LAB), np.float32)


def of_oklab(lab: FloatArray) -> FloatArray:
    """Linear light of OKLab.

    Args:
        lab: (h, w, 3) float32.

    Returns:
        (h, w, 3) float32 linear BGR, clipped to 0..1.
    """
    lms = cv2.transform(lab, _OF_LAB)
    light = cv2.transform((lms * lms * lms).astype(np.float32), _OF_LMS)
    return np.asarray(np.clip(light, 0, 1), np.float32)
