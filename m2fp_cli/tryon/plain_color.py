"""Things of one color: a color by its code, by a name, or as the mean of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import FloatArray
from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.numerals import read_color
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import load_accessory, names_file
from m2fp_cli.tryon.morphology import dilate
from m2fp_cli.tryon.product_ground import find_ground

LEAST_THING, MOST_THING = 0.02, 0.9  # share of a picture that a thing on a ground takes
EDGE = 0.005  # of the thing, whose pixels hold some ground, share of the longer side


@dataclass(frozen=True, eq=False)
class PlainColor:
    """A color to be worn.

    Attributes:
        kind: what it is worn as, see ``kinds.KIND_NAMES``.
        name: as it was asked for.
        light_bgr: (3,) float32 linear.
    """

    kind: str
    name: str
    light_bgr: FloatArray


def load_plain_color(reference: str, kind: str, names: Mapping[str, str]) -> PlainColor:
    """Read a color.

    Args:
        reference: ``#rrggbb``, one of the names, or the file of a picture that shows it.
        kind: what it is worn as.
        names: ``#rrggbb`` by name.

    Raises:
        UsageError: it is none of them.
    """
    color = read_color(names.get(reference.lower(), reference))
    if color is not None:
        pixel = np.asarray([[color[::-1]]], np.uint8)
        return PlainColor(kind, reference, to_linear(pixel)[0, 0])
    if names_file(reference):
        return mean_color(load_accessory(reference, kind))
    listed = f", one of {', '.join(names)}," if names else ""
    raise UsageError(
        f"{displayable(reference) or 'an empty text'} is not a color for {kind}: "
        f"give #rrggbb{listed} or a picture of it"
    )


def mean_color(picture: Accessory) -> PlainColor:
    """The mean color of what is visible in a picture, without the near-white ground of a product.

    Args:
        picture: of a strand, a swatch or the thing itself.
    """
    weight = picture.bgra[..., 3].astype(np.float32)
    if not picture.is_cut_out:
        ground = find_ground(np.ascontiguousarray(picture.bgra[..., :3]))
        if ground is not None and LEAST_THING < 1 - ground.mean() < MOST_THING:
            weight[dilate(ground, EDGE * max(ground.shape))] = 0
    light = to_linear(np.ascontiguousarray(picture.bgra[..., :3]))
    mean = (light * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1.0)
    return PlainColor(picture.kind, picture.name, np.asarray(mean, np.float32))
