"""How far our place of an accessory is from the one that somebody wears, in U of their head frame.

Each measure takes the head frame, the figure without what is worn, and where its pixels are in the
frame: ``along`` and ``below`` the eyes, (P,) each. It gives errors by name, or ``skip`` and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.kinds import hat as hats
from m2fp_cli.tryon.kinds.glasses import place_glasses
from m2fp_cli.tryon.kinds.necklace import place_necklace

Array = NDArray[Any]
Errors = dict[str, Any]


@cache
def read_accessory(name: str, kind: str) -> Accessory:
    """An accessory, read once."""
    return load_accessory(name, kind)


def _hat(frame: HeadFrame, figure: Figure, along: Array, below: Array) -> Errors:
    """Errors of a beanie.

    ``height`` flatters: the face ends where the hidden hat began, and hats are pulled down to
    there; ``own`` is the error of its own height. ``crown`` is the middle of the part above the
    brim. ``width`` is a ratio.
    """
    # How high people wear the hat they wear is not known: a hat without a height of its own.
    numbers = {name: number.default for name, number in hats.KIND.numbers.items()}
    hat = replace(read_accessory("beanie", "hat"), numbers=numbers)
    place = hats.place_hat(frame, figure, hat)
    if abs(float(np.median(along))) > 1.5 or np.median(below) > 0:
        return {"skip": "the real one is not on the head"}
    middle = np.abs(along - place.band.offset) < 0.6
    columns = np.round(along[middle] * 8)
    lows = [below[middle][columns == c].max() for c in np.unique(columns)]
    height = -float(np.median(lows)) if lows else float("nan")
    # The crown sits where the band does; a brim droops to where the head is turned.
    crown = along[below < -height - 0.35]
    return {
        "crown": float(np.percentile(crown, (2, 98)).mean()) - place.band.offset
        if crown.size
        else float("nan"),
        "x": float(np.percentile(along, (2, 98)).mean()) - place.band.offset,
        "height": height - place.band.height,
        # Where the hidden hat began the face ends, which a hat is pulled down to: this is without.
        "own": height - hat.numbers["band_above_eyes"],
        "width": (np.percentile(along, 99) - np.percentile(along, 1)) / (2 * place.band.half),
    }


def _glasses(frame: HeadFrame, figure: Figure, along: Array, below: Array) -> Errors:
    """Errors of sunglasses; ``width`` is a ratio, nan of a lens alone, ``roll`` in degrees."""
    place = place_glasses(frame, read_accessory("sunglasses", "glasses"))
    lens = [frame.units(np.array([p[0]]), np.array([p[1]])) for p in place.lenses_xy]
    x, y = (float(lens[0][i][0] + lens[1][i][0]) / 2 for i in (0, 1))
    points = np.stack((along, below), axis=1) - (along.mean(), below.mean())
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    roll = np.degrees(np.arctan2(axis[1], axis[0]) + np.pi / 2) % 180 - 90
    if float(np.median(below)) < -1.3 or float(np.median(below)) > 1.5:
        return {"skip": "the real ones are not before the eyes"}
    left, right = (float(v) for v in np.percentile(along, (0.5, 99.5)))
    width, dx, dy = right - left, (left + right) / 2 - x, float(below.mean() - y)
    # A lens alone, or lenses cut by hair or a hand, say nothing about the width of the pair.
    across = points @ np.array([-axis[1], axis[0]])
    is_pair = np.ptp(np.percentile(across, (2, 98))) < 0.5 * np.ptp(
        np.percentile(points @ axis, (0.5, 99.5))
    )
    return {
        "center": float(np.hypot(dx, dy)),
        "dx": dx,
        "dy": dy,
        "width": place.width / max(width, 0.1) if is_pair else float("nan"),
        "roll": float(roll),
    }


def _necklace(frame: HeadFrame, figure: Figure, along: Array, below: Array) -> Errors:
    """Errors of a pendant: its middle, its ends and its lowest point."""
    place = place_necklace(frame, figure, read_accessory("pendant", "necklace"))
    if isinstance(place, str):
        return {"skip": place}
    ends = [frame.units(np.array([x]), np.array([y])) for x, y in place.ends_xy]
    x, y = frame.units(np.array([place.lowest_xy[0]]), np.array([place.lowest_xy[1]]))
    # How long the real chain is, is not known: "low" is for one of 457 mm.
    return {
        "x": float(np.percentile(along, (2, 98)).mean() - x[0]),
        "top": float(np.percentile(below, 2) - (ends[0][1][0] + ends[1][1][0]) / 2),
        "low": float(np.percentile(below, 99) - y[0]),
    }


MEASURES: dict[str, Callable[[HeadFrame, Figure, Array, Array], Errors]] = {
    "hat": _hat,
    "glasses": _glasses,
    "necklace": _necklace,
}
