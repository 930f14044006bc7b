"""What a drawing gives: pixels, anchors and numbers, and how they are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, eq=False)
class Drawn:
    """One accessory.

    Attributes:
        name: file name without suffix.
        kind: hat, glasses, earrings, necklace or top.
        bgra: (H, W, 4) uint8, straight alpha.
        anchors: points in pixels.
        properties: whatever else the kind needs.
    """

    name: str
    kind: str
    bgra: NDArray[np.uint8]
    anchors: dict[str, tuple[float, float]]
    properties: dict[str, Any]


def save(drawn: Drawn, folder: Path) -> None:
    """Write the PNG and the JSON beside it."""
    image = Image.fromarray(drawn.bgra[..., [2, 1, 0, 3]])
    image.save(folder / f"{drawn.name}.png", optimize=True)
    anchors = {key: [round(x, 1), round(y, 1)] for key, (x, y) in drawn.anchors.items()}
    document = {"kind": drawn.kind, **drawn.properties, "anchors": anchors}
    text = json.dumps(document, indent=2) + "\n"
    (folder / f"{drawn.name}.json").write_text(text, encoding="utf-8")
