"""Names of the array types that the package passes around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]
Ids = NDArray[np.integer[Any]]
Picture = NDArray[np.uint8]  # (H, W, 3) BGR unless said otherwise
Point = tuple[float, float]  # x, y
Rgb = tuple[int, int, int]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1, half-open
