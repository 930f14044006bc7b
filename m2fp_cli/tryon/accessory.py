"""Accessories: a PNG with transparency, the points that fix it to a person, and how to guess them.

Anchors lie in a JSON file beside the PNG, in pixels of the PNG, left and right as one looks at it.
A bare PNG gets anchors by rule from its visible content, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.names import displayable

Point = tuple[float, float]
VISIBLE = 8  # alpha above which a pixel counts as content
MAX_SIDE = 8192


class Kind(str, Enum):
    """What an accessory is."""

    HAT = "hat"
    GLASSES = "glasses"
    EARRINGS = "earrings"
    NECKLACE = "necklace"
    TOP = "top"


ANCHORS: dict[Kind, tuple[str, ...]] = {
    Kind.HAT: ("band_left", "band_right", "front_low"),
    Kind.GLASSES: ("lens_left", "lens_right", "hinge_left", "hinge_right"),
    Kind.EARRINGS: ("hook",),
    Kind.NECKLACE: ("left_end", "right_end", "lowest"),
    Kind.TOP: (),
}
DEFAULTS: dict[Kind, dict[str, float]] = {
    Kind.HAT: {"band_above_eyes": 0.65},  # the median of 51 hats in street photos
    Kind.GLASSES: {"lens_alpha": 0.5},
    Kind.EARRINGS: {"height_units": 0.58},
    Kind.NECKLACE: {"length_mm": 457.0},
    Kind.TOP: {"tile_units": 2.0},
}
RANGES = {
    "band_above_eyes": (0.2, 1.4),
    "lens_alpha": (0.0, 1.0),
    "height_units": (0.05, 2.0),
    "length_mm": (300.0, 900.0),
    "tile_units": (0.1, 20.0),
}


@dataclass(frozen=True, eq=False)
class Accessory:
    """One accessory, ready to be placed.

    Attributes:
        name: file name without suffix.
        kind: what it is.
        bgra: (H, W, 4) uint8, straight alpha.
        anchors: the points ``ANCHORS`` names for the kind, pixels of the PNG.
        numbers: the properties ``DEFAULTS`` names for the kind.
        style: cap, beanie or brim for hats; stud, drop or hoop for earrings; else empty.
        notes: what had to be guessed, in words.
    """

    name: str
    kind: Kind
    bgra: NDArray[np.uint8]
    anchors: Mapping[str, Point]
    numbers: Mapping[str, float]
    style: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shape and dtype.

        Raises:
            ValueError: the pixels are not (H, W, 4) uint8.
        """
        if self.bgra.ndim != 3 or self.bgra.shape[2] != 4 or self.bgra.dtype != np.uint8:
            raise ValueError(f"an accessory is uint8 (H, W, 4), got {self.bgra.shape}")

    @cached_property
    def content_xyxy(self) -> tuple[int, int, int, int]:
        """Half-open box of what is visible, with two pixels around it where there are any."""
        x0, y0, x1, y1 = content_box(self.bgra)
        height, width = self.bgra.shape[:2]
        return max(x0 - 2, 0), max(y0 - 2, 0), min(x1 + 2, width), min(y1 + 2, height)

    @cached_property
    def premultiplied(self) -> NDArray[np.float32]:
        """The pixels of that box in linear light times alpha, and alpha, (h, w, 4)."""
        from m2fp_cli.tryon.compositing import premultiply

        x0, y0, x1, y1 = self.content_xyxy
        return premultiply(self.bgra[y0:y1, x0:x1])

    def mirrored(self) -> Accessory:
        """The accessory seen in a mirror, anchors with it."""
        return self._mirror

    @cached_property
    def _mirror(self) -> Accessory:
        width = self.bgra.shape[1]
        swapped = {_other_side(k): (width - x, y) for k, (x, y) in self.anchors.items()}
        return replace(self, bgra=np.ascontiguousarray(self.bgra[:, ::-1]), anchors=swapped)


def _other_side(name: str) -> str:
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


def accessories_folder() -> Path:
    """Folder of the accessories that come with the tool, in a checkout or an installed package."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "accessories"
    return installed if installed.is_dir() else package.parent / "accessories"


def list_accessories() -> dict[str, Kind]:
    """Names and kinds of the accessories that come with the tool, sorted by kind and name."""
    found = {}
    for path in sorted(accessories_folder().glob("*.json")):
        found[path.stem] = Kind(json.loads(path.read_text("utf-8"))["kind"])
    order = list(Kind)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[1]), item[0])))


def find_accessory(reference: str, kind: Kind | None = None) -> Path:
    """Path of an accessory by file or name.

    Args:
        reference: a PNG file, or the name of an accessory that comes with the tool.
        kind: what is looked for, so that an error names only such; None = any.

    Raises:
        UsageError: no such file, and no accessory of this name.
    """
    path = Path(reference)
    if path.is_file():
        return path
    named = accessories_folder() / f"{reference.replace('-', '_')}.png"
    if path.name == reference and named.is_file():
        return named
    names = [name for name, its in list_accessories().items() if kind in (its, None)]
    listed, what = ", ".join(names), "accessory" if kind is None else kind.value
    raise UsageError(f"no {what} {displayable(path)}: neither a file nor one of {listed}")


def load_accessory(reference: str, kind: Kind) -> Accessory:
    """Read an accessory and its anchors.

    Args:
        reference: a PNG file, or the name of an accessory that comes with the tool.
        kind: what it is to be worn as.

    Raises:
        UsageError: it does not exist, is no picture, is empty, or its JSON is wrong or of another
            kind.
    """
    path = find_accessory(reference, kind)
    bgra = _read_bgra(path)
    if kind is not Kind.TOP and not (bgra[..., 3] > VISIBLE).any():
        raise UsageError(f"{displayable(path)}: is fully transparent")
    document = _read_json(path.with_suffix(".json"))
    stated = document.get("kind", kind.value)
    if stated != kind.value:
        raise UsageError(f"{displayable(path)}: is made for {stated}, not for {kind.value}")
    anchors, notes = _anchors(bgra, kind, document.get("anchors", {}), path)
    numbers = {key: _number(document, key, value, path) for key, value in DEFAULTS[kind].items()}
    style = str(document.get("style", ""))
    return Accessory(path.stem, kind, bgra, anchors, numbers, style, notes)


def _read_bgra(path: Path) -> NDArray[np.uint8]:
    """Pixels with alpha; a file without alpha is opaque."""
    import io

    from PIL import Image, ImageOps

    from m2fp_cli.errors import ImageError
    from m2fp_cli.imaging.codec import read_bytes

    try:
        data = read_bytes(path)
        with Image.open(io.BytesIO(data), formats=["PNG", "WEBP", "JPEG", "TIFF"]) as image:
            if max(image.size) > MAX_SIDE:
                raise UsageError(f"{displayable(path)}: is larger than {MAX_SIDE} pixels a side")
            rgba = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    except (ImageError, OSError, ValueError, SyntaxError) as error:
        raise UsageError(f"{displayable(path)}: is no picture that can be read") from error
    return np.ascontiguousarray(rgba[..., [2, 1, 0, 3]])


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{displayable(path)}: is no JSON ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("anchors", {}), dict):
        raise UsageError(f"{displayable(path)}: must be an object with anchors in it")
    return document


def _number(document: Mapping[str, Any], key: str, default: float, path: Path) -> float:
    value = document.get(key, default)
    low, high = RANGES[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{displayable(path)}: {key} must be a number from {low:g} to {high:g}")
    return float(value)


def _anchors(
    bgra: NDArray[np.uint8], kind: Kind, stated: Mapping[str, Any], path: Path
) -> tuple[dict[str, Point], tuple[str, ...]]:
    """The stated anchors, and guesses for those that are missing."""
    guessed = {} if kind is Kind.TOP else guess_anchors(bgra, kind)
    anchors: dict[str, Point] = {}
    missing = []
    for name in ANCHORS[kind]:
        if name in stated:
            anchors[name] = _point(stated[name], name, path)
        else:
            anchors[name] = guessed[name]
            missing.append(name)
    notes = (f"anchors guessed from the picture: {', '.join(missing)}",) if missing else ()
    return anchors, notes


def _point(value: Any, name: str, path: Path) -> Point:
    if not isinstance(value, list) or len(value) != 2:
        raise UsageError(f"{displayable(path)}: anchor {name} must be [x, y]")
    try:
        x, y = float(value[0]), float(value[1])
    except (TypeError, ValueError) as error:
        raise UsageError(f"{displayable(path)}: anchor {name} must be two numbers") from error
    if not (np.isfinite(x) and np.isfinite(y)):
        raise UsageError(f"{displayable(path)}: anchor {name} must be two finite numbers")
    return x, y


def content_box(bgra: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Half-open box of what is visible; scaling by it, not by the canvas, keeps sizes right."""
    seen = bgra[..., 3] > VISIBLE
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def guess_anchors(bgra: NDArray[np.uint8], kind: Kind) -> dict[str, Point]:
    """Anchors of a bare PNG from its visible content.

    A hat's band is the lowest row that is at least 70 % as wide as the widest, a cap's above its
    visor included; lens centres are the middles of the two halves of a pair of glasses.
    """
    x0, y0, x1, y1 = content_box(bgra)
    seen = bgra[y0:y1, x0:x1, 3] > VISIBLE
    if kind is Kind.HAT:
        return _guess_hat(seen, x0, y0)
    if kind is Kind.GLASSES:
        middle_y = y0 + 0.5 * (y1 - y0)
        quarter = 0.235 * (x1 - x0)
        center = 0.5 * (x0 + x1)
        return {
            "lens_left": (center - quarter, middle_y),
            "lens_right": (center + quarter, middle_y),
            "hinge_left": (float(x0), y0 + 0.25 * (y1 - y0)),
            "hinge_right": (float(x1), y0 + 0.25 * (y1 - y0)),
        }
    if kind is Kind.EARRINGS:
        top = np.flatnonzero(seen[: max(1, (y1 - y0) // 50)].any(axis=0))
        return {"hook": (x0 + float(top.mean()) + 0.5, float(y0))}
    return {
        "left_end": (x0 + 0.5, float(y0)),
        "right_end": (x1 - 0.5, float(y0)),
        "lowest": (0.5 * (x0 + x1), float(y1)),
    }


def _guess_hat(seen: NDArray[np.bool_], x0: int, y0: int) -> dict[str, Point]:
    widths = seen.sum(axis=1)
    row = int(np.flatnonzero(widths >= 0.7 * widths.max())[-1])
    columns = np.flatnonzero(seen[row])
    left, right = float(columns[0]), float(columns[-1] + 1)
    # A brim reaches beyond the head: the crown above it tells how wide the band is.
    upper = widths[: max(1, row // 2)]
    crown = float(np.median(upper)) if upper.size else right - left
    if right - left > 1.5 * crown:
        middle = 0.5 * (left + right)
        left, right = middle - 0.55 * crown, middle + 0.55 * crown
    return {
        "band_left": (x0 + left, y0 + row + 0.5),
        "band_right": (x0 + right, y0 + row + 0.5),
        "front_low": (x0 + 0.5 * (left + right), float(y0 + len(widths))),
    }


def stated_kind(path: Path) -> str | None:
    """Kind that the JSON beside a picture states, None if it states none.

    Raises:
        UsageError: the JSON is damaged.
    """
    kind = _read_json(path.with_suffix(".json")).get("kind")
    return kind if isinstance(kind, str) else None
