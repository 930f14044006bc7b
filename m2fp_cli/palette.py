"""Colours of labels and people."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.labels import LabelSet

Rgb = tuple[int, int, int]

# Hair, face, upper clothes, trousers and shoes are the colours the tool is specified with; left and
# right differ by lightness. The rest was chosen to stay apart from these and from each other.
NAMED_COLORS: dict[str, Rgb] = {
    "Background": (0, 0, 0),
    "Hat": (255, 128, 0),
    "Hair": (255, 0, 0),
    "Glove": (128, 64, 0),
    "Sunglasses": (0, 64, 128),
    "UpperClothes": (0, 0, 255),
    "Dress": (0, 255, 255),
    "Coat": (64, 128, 255),
    "Socks": (128, 128, 0),
    "Pants": (255, 255, 0),
    "Torso-skin": (255, 192, 160),
    "Scarf": (128, 0, 64),
    "Skirt": (0, 128, 128),
    "Face": (0, 255, 0),
    "Left-arm": (160, 255, 160),
    "Right-arm": (0, 128, 0),
    "Left-leg": (208, 160, 255),
    "Right-leg": (112, 48, 192),
    "Left-shoe": (255, 0, 255),
    "Right-shoe": (176, 0, 176),
    "Human": (255, 255, 255),
}


@dataclass(frozen=True, eq=False)
class Palette:
    """Colour per id.

    Attributes:
        colors_rgb: (N, 3) uint8.
    """

    colors_rgb: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the table.

        Raises:
            ValueError: it is no (N, 3) uint8 array of 1 to 256 colours.
        """
        shape, dtype = self.colors_rgb.shape, self.colors_rgb.dtype
        if len(shape) != 2 or shape[1] != 3 or not 1 <= shape[0] <= 256 or dtype != np.uint8:
            raise ValueError(f"a palette is uint8 (N, 3), N up to 256, got {dtype} {shape}")

    @classmethod
    def for_labels(cls, labels: LabelSet) -> Palette:
        """The default colours of a label set; names without one get a colour of their own."""
        wheel = color_wheel(len(labels.names))
        colors = [
            NAMED_COLORS.get(name, (0, 0, 0) if i == 0 else wheel[i])
            for i, name in enumerate(labels.names)
        ]
        return cls(np.asarray(colors, dtype=np.uint8))

    @classmethod
    def for_people(cls) -> Palette:
        """Black for nobody, then 255 colours whose neighbours are far apart."""
        return cls(np.asarray([(0, 0, 0), *color_wheel(255)], dtype=np.uint8))


def color_wheel(count: int) -> list[Rgb]:
    """Colours by stepping around the hue circle by the golden ratio, in three lightnesses.

    Steps of the golden ratio leave the largest gaps between the first colours, however many follow.
    """
    colors = []
    for i in range(count):
        red, green, blue = colorsys.hsv_to_rgb(
            (i * 0.618033988749895) % 1.0, (0.85, 0.55, 1.0)[i % 3], (1.0, 0.95, 0.65)[i % 3]
        )
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colors
