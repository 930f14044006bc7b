"""Colors of labels and people."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Rgb
from m2fp_cli.errors import UsageError
from m2fp_cli.home import expand_home
from m2fp_cli.jsonio import read_json
from m2fp_cli.numerals import read_color
from m2fp_cli.records.labels import CIHP, CIHP_NAMES, LABEL_SETS, LabelSet, folded

# Background, hair, face, upper clothes, trousers and the left shoe are the colors the tool is
# specified with; the right shoe is a shade of the left one. The other 13 come from an annealed
# search for the largest smallest distance (CIEDE2000) between any two of the 20, for the normal
# eye, the protanope and the deuteranope (Machado et al. 2009), left and right of a limb in one hue.
# Any two are at least 19 apart for the normal eye and 10.4 for the others, except face and
# trousers: pure green and pure yellow are 4 apart for a deuteranope, whatever the rest is.
# tests/records/test_palette.py measures it.
NAMED_COLORS: dict[str, Rgb] = {
    "Background": (0, 0, 0),
    "Hat": (185, 0, 116),
    "Hair": (255, 0, 0),
    "Glove": (139, 93, 93),
    "Sunglasses": (93, 162, 162),
    "UpperClothes": (0, 0, 255),
    "Dress": (23, 255, 255),
    "Coat": (93, 139, 185),
    "Socks": (232, 185, 185),
    "Pants": (255, 255, 0),
    "Torso-skin": (232, 162, 93),
    "Scarf": (139, 46, 0),
    "Skirt": (0, 139, 23),
    "Face": (0, 255, 0),
    "Left-arm": (232, 232, 185),
    "Right-arm": (139, 139, 93),
    "Left-leg": (185, 185, 255),
    "Right-leg": (116, 93, 162),
    "Left-shoe": (255, 0, 255),
    "Right-shoe": (93, 0, 93),
    "Human": (255, 255, 255),
    "Head": (0, 255, 0),  # VOC's parts: the head is drawn like the face
    "Torso": (0, 0, 255),
}

_GOLDEN_RATIO = 0.618033988749895  # step around the hue circle, in turns
_SATURATIONS, _VALUES = (0.85, 0.55, 1.0), (1.0, 0.95, 0.65)  # of HSV, in turn
_WHEEL = 96  # colors, at least, among which one far from the others is looked for

# As drawn by CIHP_PGN (utils/utils.py), Graphonomy and the LIP baselines.
_CIHP_COLORS: dict[str, Rgb] = dict(
    zip(
        CIHP_NAMES,
        (
            (0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
            (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0),
            (0, 0, 255), (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85),
            (255, 255, 0), (255, 170, 0),
        ),
        strict=True,
    )
)  # fmt: skip
_CIHP_COLORS["Jumpsuits"] = _CIHP_COLORS["Torso-skin"]  # LIP's id 10


@dataclass(frozen=True)
class ColorScheme:
    """Colors by the names of labels, for any label set.

    Attributes:
        name: of the scheme, or of its file.
        by_name: color per folded label name, see ``labels.folded``.
        by_id: color per id, for schemes that number their colors; it counts before the name.
    """

    name: str
    by_name: Mapping[str, Rgb]
    by_id: tuple[Rgb, ...] = ()

    def color_of(self, label_id: int, name: str) -> Rgb | None:
        """Color of a label by its id and name; None if the scheme has none."""
        if label_id < len(self.by_id):
            return self.by_id[label_id]
        return self.by_name.get(folded(name))


@dataclass(frozen=True, eq=False)
class Palette:
    """Color per id.

    Attributes:
        colors_rgb: (N, 3) uint8.
    """

    colors_rgb: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the table.

        Raises:
            ValueError: it is not a (N, 3) uint8 array of 1 to 256 colors.
        """
        shape, dtype = self.colors_rgb.shape, self.colors_rgb.dtype
        if len(shape) != 2 or shape[1] != 3 or not 1 <= shape[0] <= 256 or dtype != np.uint8:
            raise ValueError(f"a palette is uint8 (N, 3), N up to 256, got {dtype} {shape}")

    @classmethod
    def for_labels(cls, labels: LabelSet, scheme: ColorScheme | None = None) -> Palette:
        """The colors of a label set.

        Args:
            labels: names of the ids.
            scheme: ``SCHEMES["m2fp"]`` by default. Labels that are not in it get colors far from
                the others'; id 0 is black unless the scheme says otherwise.
        """
        scheme = scheme or SCHEMES[DEFAULT_SCHEME]
        known = [scheme.color_of(i, name) for i, name in enumerate(labels.names)]
        known[0] = known[0] or (0, 0, 0)
        others = _far_colors([color for color in known if color is not None], len(known))
        colors = [next(others) if color is None else color for color in known]
        return cls(np.asarray(colors, dtype=np.uint8))

    @classmethod
    def for_people(cls) -> Palette:
        """Black for nobody, then 255 colors whose neighbors are far apart."""
        return cls(np.asarray([(0, 0, 0), *color_wheel(255)], dtype=np.uint8))


def color_wheel(count: int) -> list[Rgb]:
    """Colors at steps of the golden ratio around the hue circle, in three lightnesses.

    Such steps leave the largest gaps between the first colors, however many follow.

    Args:
        count: number of colors.
    """
    colors = []
    for i in range(count):
        red, green, blue = colorsys.hsv_to_rgb(
            (i * _GOLDEN_RATIO) % 1.0, _SATURATIONS[i % 3], _VALUES[i % 3]
        )
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colors


def _far_colors(taken: Sequence[Rgb], count: int) -> Iterator[Rgb]:
    """Colors of a wheel, each time the one that is farthest from those that are taken.

    Args:
        taken: colors that are, at least one.
        count: of colors in the end, with these.
    """
    wheel = color_wheel(max(_WHEEL, 2 * count))
    places = np.asarray(wheel, np.float64)
    nearest = np.min([_apart(places, color) for color in taken], axis=0)
    while True:
        color = wheel[int(nearest.argmax())]
        yield color
        nearest = np.minimum(nearest, _apart(places, color))


def _apart(colors: NDArray[np.float64], other: Rgb) -> NDArray[np.float64]:
    """Squared "redmean" distance of (N, 3) colors, close to what eyes see; compuphase.com/cmetric.

    Returns:
        (N,) float64.
    """
    red = (colors[:, 0] + other[0]) / 2
    dr, dg, db = (colors - other).T
    squares: NDArray[np.float64] = (
        (2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db
    )
    return squares


def voc_colors(count: int) -> tuple[Rgb, ...]:
    """The colors of PASCAL VOC's label maps: the bits of an id spread over the three channels.

    Source: ``VOClabelcolormap.m`` of the VOC development kit.

    Args:
        count: number of colors, at most 256.
    """
    colors = []
    for label_id in range(count):
        red, green, blue = (
            sum((label_id >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
            for channel in range(3)
        )
        colors.append((red, green, blue))
    return tuple(colors)


def load_scheme(name_or_file: str, labels: LabelSet | None = None) -> ColorScheme:
    """Read a color scheme: a built-in one by its name, or one from a file.

    A file is a JSON object: label name to ``[red, green, blue]`` (0..255) or ``"#rrggbb"``. Labels
    it leaves out keep their default color.

    Args:
        name_or_file: member of ``SCHEMES`` or path of a file.
        labels: a file may name these labels as well as those of the built-in label sets.

    Raises:
        UsageError: there is no such scheme or file, or the file is wrong; the message says where.
    """
    if name_or_file.lower() in SCHEMES:
        return SCHEMES[name_or_file.lower()]
    path = expand_home(name_or_file)
    try:
        document = read_json(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no palette {name_or_file!r}; use {', '.join(SCHEMES)} or a JSON file"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: the palette cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path}: the palette {error}") from error
    if not isinstance(document, dict) or not document:
        raise UsageError(f'{path}: a palette is an object such as {{"Hair": [255, 0, 0]}}')
    own_names = {folded(name) for name in labels.names} if labels else set()
    colors: dict[str, Rgb] = {}
    for label, value in document.items():
        if folded(label) not in KNOWN_NAMES | own_names:
            raise UsageError(f"{path}: no label is called {label!r}; `m2fp labels` lists them")
        if folded(label) in colors:
            raise UsageError(f"{path}: {label!r} is there twice")
        colors[folded(label)] = _parse_color(value, f"{path}: {label}")
    return ColorScheme(path.name, {**SCHEMES[DEFAULT_SCHEME].by_name, **colors})


def _parse_color(value: object, where: str) -> Rgb:
    if isinstance(value, str) and (color := read_color(value)) is not None:
        return color
    if isinstance(value, list) and len(value) == 3:
        numbers = [n for n in value if type(n) is int and 0 <= n <= 255]
        if len(numbers) == 3:
            return numbers[0], numbers[1], numbers[2]
    raise UsageError(
        f'{where}: a color is [red, green, blue] of 0 to 255 or "#rrggbb", not {json.dumps(value)}'
    )


def _by_folded(colors: Mapping[str, Rgb]) -> dict[str, Rgb]:
    return {folded(name): color for name, color in colors.items()}


KNOWN_NAMES = frozenset(
    folded(name) for labels in (CIHP, *LABEL_SETS.values()) for name in labels.names
)
"""Folded names of the labels of all built-in label sets: what a palette file may name."""

DEFAULT_SCHEME = "m2fp"
SCHEMES = {
    "m2fp": ColorScheme("m2fp", _by_folded(NAMED_COLORS)),
    "voc": ColorScheme("voc", {}, voc_colors(256)),
    "cihp": ColorScheme("cihp", _by_folded(_CIHP_COLORS)),
}
"""The built-in schemes: ours, PASCAL VOC's by id, and the one most CIHP and LIP tools draw with."""
