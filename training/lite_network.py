"""Networks in TensorFlow Lite's format, run by Google's ``ai-edge-litert``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LiteNetwork:
    """A network whose first two outputs are points and the presence of what has them."""

    def __init__(self, path: Path) -> None:
        """Load a ``.tflite`` file."""
        runtime = importlib.import_module("ai_edge_litert.interpreter")  # an extra
        self._network: Any = runtime.Interpreter(str(path), num_threads=1)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._outputs = [d["index"] for d in self._network.get_output_details()[:2]]

    def run(self, square_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Show it a picture.

        Args:
            square_rgb: (S, S, 3) uint8, as large as the network wants it.

        Returns:
            The points, in the file's own shape, and the presence, a logit or a probability.
        """
        levels = np.float32(square_rgb[None]) / 255
        self._network.set_tensor(self._input, np.ascontiguousarray(levels))
        self._network.invoke()
        points, presence = (self._network.get_tensor(index) for index in self._outputs)
        return points, float(presence.item())
