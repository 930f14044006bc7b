"""What annotators export: maps by color from CVAT, polygons from LabelMe, read by label names.

CVAT's "Segmentation mask 1.1" is Pascal VOC's layout with a ``labelmap.txt`` of
``name:red,green,blue::`` lines. LabelMe keeps a JSON file of shapes beside each photo; later
shapes lie on top, and ``group_id`` is the person.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.exports.outlines import fill_rings
from m2fp_cli.exports.written_names import RESERVED, written_names
from m2fp_cli.imaging.codec import decode_map, read_image
from m2fp_cli.imaging.limits import MAX_PIXELS
from m2fp_cli.jsonio import list_of, read_bounded, read_json, text_of, whole_of
from m2fp_cli.records.labels import IGNORED_ID, LabelSet, folded
from m2fp_cli.terminal import displayable

_MOST_BYTES = 1 << 26  # of a LabelMe file, whose masks are pictures in it
_MOST_SHAPES, _MOST_POINTS, _LONGEST_SIDE = 10_000, 100_000, 65_535
_MOST_PEOPLE = 65_535
_COLOR_LINE = re.compile(r"([^:]*):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::|\s*$)", re.ASCII)


def label_id(name: str, labels: LabelSet) -> int:
    """Id of an annotator's label, as the model calls it or as ``m2fp export`` wrote it.

    Raises:
        ValueError: the model has no such label; ``Human`` is not one of a label map.
    """
    plain = folded(name)
    if plain in RESERVED:
        return RESERVED[plain]
    written = written_names(labels)
    for known in (written, {label_id: labels.names[label_id] for label_id in written}):
        for label_id, one in known.items():
            if folded(one) == plain:
                return label_id
    names = ", ".join(labels.names[i] for i in labels.part_ids)
    raise ValueError(f"names the label {name!r}, which the model lacks (it has {names})")


def read_label_colors(path: Path, labels: LabelSet) -> dict[int, int]:
    """Label id by color (red * 65536 + green * 256 + blue) from CVAT's ``labelmap.txt``.

    Raises:
        UsageError: it cannot be read, names a label that the model lacks, or has a color twice.
    """
    colors: dict[int, int] = {}
    try:
        lines = read_bounded(path).decode("utf-8-sig", "replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _COLOR_LINE.match(line)
            rgb = [int(level) for level in found.groups()[1:]] if found else [256]
            if found is None or max(rgb) > 255:
                raise ValueError(f"line {number} is not as name:red,green,blue::; export it again")
            color, one = (rgb[0] << 16) + (rgb[1] << 8) + rgb[2], label_id(found[1], labels)
            if colors.setdefault(color, one) != one:
                raise ValueError(
                    f"line {number} gives {found[1]!r} the color of another label; give each label "
                    "its own in CVAT and export again"
                )
    except OSError as error:
        raise UsageError(f"{displayable(path)}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{displayable(path)}: {error}") from error
    return colors


def read_colored_map(path: Path, colors: Mapping[int, int]) -> NDArray[np.uint8]:
    """A map whose colors are labels, (H, W) uint8 ids.

    Args:
        path: picture of CVAT's ``SegmentationClass``.
        colors: see ``read_label_colors``.

    Raises:
        ImageError: it cannot be read, or holds a color without a label.
    """
    bgr = read_image(path).image_bgr.astype(np.int32)
    packed = (bgr[..., 2] << 16) + (bgr[..., 1] << 8) + bgr[..., 0]
    found, places = np.unique(packed, return_inverse=True)
    for color in found:
        if int(color) not in colors:
            rgb = ",".join(str(int(color) >> shift & 255) for shift in (16, 8, 0))
            raise ImageError(
                "unsupported", f"its map has the color {rgb}, which labelmap.txt does not name"
            )
    ids = np.asarray([colors[int(color)] for color in found], np.uint8)
    return ids[places].reshape(packed.shape)


def read_shapes(
    path: Path, labels: LabelSet
) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None]:
    """The shapes of a LabelMe file as maps.

    Polygons, rectangles and masks are read. A pixel belongs to a shape if its middle does.

    Args:
        path: JSON file.
        labels: what their ids mean.

    Returns:
        (H, W) label ids, and (H, W) person ids: None where no shape has a ``group_id``. They are
        these numbers, or 1, 2, 3 ... in their order where one of them is 0 or above 254.

    Raises:
        ImageError: the file is damaged, or a shape is of another kind or has an unknown label.
    """
    try:
        document = read_json(path, most_bytes=_MOST_BYTES)
        if not isinstance(document, dict):
            raise ValueError("is not a JSON object")
        return _paint(document, labels)
    except OSError as error:
        raise ImageError("unreadable", f"its labels cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ImageError("corrupt", f"its labels in {displayable(path.name)}: {error}") from error


def photo_of_shapes(path: Path) -> str:
    """Name of the photo that a LabelMe file is about; empty if it says none or cannot be read."""
    try:
        document = read_json(path, most_bytes=_MOST_BYTES)
    except (OSError, ValueError):
        return ""
    named = document.get("imagePath") if isinstance(document, dict) else None
    return re.split(r"[/\\]", named)[-1] if isinstance(named, str) else ""


def _paint(
    document: Mapping[str, Any], labels: LabelSet
) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None]:
    height, width = (
        whole_of(document, f"image{side}", 1, _LONGEST_SIDE) for side in ("Height", "Width")
    )
    if height * width > MAX_PIXELS:
        raise ValueError(f"the photo has more than {MAX_PIXELS:,} pixels")
    ids, people = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint16)
    shapes = list_of(document, "shapes", most=_MOST_SHAPES)
    if not all(isinstance(shape, dict) for shape in shapes):
        raise ValueError('"shapes" must be objects')
    groups = [_group_of(shape) for shape in shapes]
    numbers = _number_people({group for group in groups if group is not None})
    for shape, group in zip(shapes, groups, strict=True):
        inside = _inside(shape, (height, width))
        ids[inside] = label_id(text_of(shape, "label"), labels)
        people[inside] = 0 if group is None else numbers[group]
    return ids, people if people.any() else None


def _group_of(shape: Mapping[str, Any]) -> int | None:
    if shape.get("group_id") is None:
        return None
    return whole_of(shape, "group_id", 0, _MOST_PEOPLE)


def _number_people(groups: Collection[int]) -> dict[int, int]:
    """Ids of people by the numbers of groups, which an annotator may count from 0 or anywhere."""
    if all(0 < group < IGNORED_ID for group in groups):
        return {group: group for group in groups}
    return {group: number for number, group in enumerate(sorted(groups), start=1)}


def _inside(shape: Mapping[str, Any], image_hw: tuple[int, int]) -> BoolArray:
    """Where one shape is, (H, W) bool."""
    kind = shape.get("shape_type", "polygon")
    points = np.asarray(list_of(shape, "points", most=_MOST_POINTS), np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError('"points" must be pairs of numbers')
    if kind == "polygon":
        return fill_rings([points], image_hw)
    if kind not in ("rectangle", "mask"):
        raise ValueError(f"a shape is a {kind!r:.60}; polygons, rectangles and masks are read")
    if len(points) != 2:
        raise ValueError(f"a {kind} has two points, not {len(points)}")
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    if kind == "rectangle":
        return fill_rings([np.asarray([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])], image_hw)
    try:
        data = base64.b64decode(text_of(shape, "mask", most=_MOST_BYTES), validate=True)
        mask = decode_map(data) > 0
    except (binascii.Error, ImageError) as error:
        raise ValueError(f"a mask {error}") from error
    return _placed(mask, (int(x0), int(y0)), image_hw)


def _placed(mask: BoolArray, at_xy: tuple[int, int], image_hw: tuple[int, int]) -> BoolArray:
    """A small mask in a whole one, cut where it reaches beyond it."""
    out = np.zeros(image_hw, np.bool_)
    (x, y), (height, width) = at_xy, image_hw
    cut = mask[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    top, left = max(0, y), max(0, x)
    out[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return out
