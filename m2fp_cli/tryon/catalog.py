"""Accessories by file or name: those that come with the tool, and pictures of one's own.

The JSON file beside a picture states its anchors, in pixels of the picture, left and right as one
looks at it. Without it they are guessed from the visible content by the rule of the kind, and a
note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Point
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.imaging.codec import decode_with_alpha
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jsonio import number_of, read_json
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA, Accessory, content_box, content_mask
from m2fp_cli.tryon.cut_out import require_cut_out
from m2fp_cli.tryon.fabric import ProductError
from m2fp_cli.tryon.kind import BodyKind, HeadKind, Item, Kind, Number, PictureSort
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of
from m2fp_cli.tryon.pair import left_of_pair
from m2fp_cli.tryon.paper_lenses import without_paper
from m2fp_cli.tryon.specks import without_specks

MAX_PIXELS = 1 << 26  # of an accessory's picture, as 8192 x 8192
_LONGEST_STYLE = 64  # characters
_ANCHOR_RANGE = (-1e6, 1e6)  # pixels; anchors may lie outside the picture


def accessories_folder() -> Path:
    """Folder of the accessories that come with the tool, in a checkout or an installed package."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "accessories"
    return installed if installed.is_dir() else package.parent / "accessories"


def list_accessories() -> dict[str, str]:
    """Kinds of the accessories that come with the tool, by name; sorted by kind and name."""
    found = {}
    for path in sorted(accessories_folder().glob("*.json")):
        found[path.stem] = str(read_json(path)["kind"])
    return dict(sorted(found.items(), key=lambda item: (KIND_NAMES.index(item[1]), item[0])))


def is_name(reference: str, kind_name: str) -> bool:
    """Whether a text is the name of something that comes with the tool, a color's name included.

    Args:
        reference: the text.
        kind_name: what it is to be worn as, a member of ``kinds.KIND_NAMES``.
    """
    kind = kind_of(kind_name)
    if isinstance(kind, BodyKind) and reference.lower() in kind.names:
        return True
    return Path(reference).name == reference and _named_picture(reference).is_file()


def _named_picture(name: str) -> Path:
    """Where the picture of an accessory of the tool is, if it has one of this name."""
    return accessories_folder() / f"{Path(name).name.replace('-', '_')}.png"


def find_accessory(reference: str, kind: str | None = None, *, also: str = "") -> Path:
    """Find the picture of an accessory by file or name.

    Args:
        reference: a picture file, or the name of an accessory that comes with the tool.
        kind: name of the kind that is looked for; an error then names accessories of this kind
            only. None for any.
        also: what else may be given, for the end of an error.

    Raises:
        UsageError: no such file, and no accessory of this name; or it cannot be looked at.
    """
    path = Path(reference)
    if names_file(reference):
        return path
    if path.name == reference and _named_picture(reference).is_file():
        return _named_picture(reference)
    names = [name for name, its in list_accessories().items() if kind in (its, None)]
    listed, what = ", ".join(names), "accessory" if kind is None else kind
    raise UsageError(
        f"{displayable(path)}: is not a file, and no {what} has this name; use {listed}{also}"
    )


def names_file(reference: str) -> bool:
    """Whether a text is the path of a file.

    Raises:
        UsageError: it cannot be looked at: its folder is closed, or no name is so long.
    """
    try:
        return Path(reference).is_file()
    except OSError as error:
        shown = displayable(reference)
        raise UsageError(f"{shown}: {error.strerror}; name something else") from error


def load_item(reference: str, kind_name: str, sort: PictureSort = PictureSort.AUTO) -> Item:
    """Read something to wear.

    Args:
        reference: what the kind takes: a picture file, a name, a color.
        kind_name: a member of ``kinds.KIND_NAMES``.
        sort: whether a picture for the body shows a garment or a fabric.

    Raises:
        UsageError: it does not exist, or cannot be worn as that.
    """
    kind = kind_of(kind_name)
    if isinstance(kind, BodyKind):
        return kind.load(reference, sort)
    accessory = load_accessory(reference, kind_name)
    state = f', or state "kind": "{kind_name}" in {displayable(accessory.name)}.json'
    return require_cut_out(accessory, reference, state)


def load_accessory(reference: str, kind_name: str) -> Accessory:
    """Read a picture, its anchors and its numbers.

    Args:
        reference: a picture file, or the name of an accessory that comes with the tool.
        kind_name: what it is to be worn as, a member of ``kinds.KIND_NAMES``.

    Raises:
        UsageError: it does not exist, is not a picture, is fully transparent, or its JSON is
            wrong or states another kind.
    """
    path = find_accessory(reference, kind_name)
    try:
        data = read_bytes(path)
    except ImageError as error:
        raise UsageError(f"{displayable(path)}: cannot be read as a picture") from error
    accessory = _build_accessory(data, _read_json(path.with_suffix(".json")), kind_name, path)
    return replace(accessory, file=reference)


def read_item(data: bytes, kind_name: str) -> Item:
    """Something to wear from the bytes of a bare picture, such as an upload; anchors are guessed.

    Args:
        data: a PNG, WebP, JPEG or TIFF file.
        kind_name: what it is to be worn as, a member of ``kinds.KIND_NAMES``; errors name it.

    Raises:
        UsageError: it is not a picture, is empty or too large.
    """
    kind = kind_of(kind_name)
    accessory = _build_accessory(data, {}, kind_name, Path(kind_name))
    if not isinstance(kind, BodyKind):
        return require_cut_out(accessory, kind_name)
    try:
        return kind.from_picture(accessory)
    except ProductError as error:
        raise UsageError(error.bare) from error


def _build_accessory(
    data: bytes, document: Mapping[str, Any], kind_name: str, path: Path
) -> Accessory:
    """An accessory from its picture and what is stated beside it; ``path`` is for errors."""
    kind, bgra = kind_of(kind_name), _decode_bgra(data, path)
    if not (bgra[..., 3] > VISIBLE_ALPHA).any():  # it would be worn as black
        raise UsageError(f"{displayable(path)}: is fully transparent; use another picture")
    notes: tuple[str, ...] = ()
    if isinstance(kind, HeadKind):
        bgra, notes = _only_one(bgra, kind, anchored=bool(document.get("anchors")))
    stated = document.get("kind", kind_name)
    if stated != kind_name:
        raise UsageError(f"{displayable(path)}: its JSON says {stated}, not {kind_name}")
    anchors, guessed = _anchors(bgra, kind, document.get("anchors", {}), path)
    numbers = {name: _number(document, name, one, path) for name, one in kind.numbers.items()}
    told = {name: value for name, value in _tell(bgra, kind, anchors) if name not in document}
    guessed += tuple(f"{name} guessed from the picture: {told[name]:.0f}" for name in told)
    style = document.get("style", "")
    if not isinstance(style, str) or len(style) > _LONGEST_STYLE:
        raise UsageError(f"{path}: style must be a text of at most {_LONGEST_STYLE} characters")
    is_stated = "kind" in document or bool(document.get("anchors"))
    return Accessory(
        path.stem, kind_name, bgra, anchors, numbers | told, style, notes + guessed, is_stated
    )


def _only_one(
    bgra: NDArray[np.uint8], kind: HeadKind, *, anchored: bool
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The accessory alone, and what was left out; stated anchors are those of all that is seen."""
    clean = without_specks(bgra)
    notes: tuple[str, ...] = ()
    if clean is not bgra:
        notes += (f"specks beside the {kind.name} were left out",)
    if kind.has_lenses and not anchored:
        clean, with_paper = without_paper(clean), clean
        if clean is not with_paper:
            notes += ("the white paper behind the lenses was left out",)
    one = left_of_pair(clean) if kind.in_pairs and not anchored else clean
    if one is not clean:
        notes += (f"the picture shows a pair of {kind.name}; the left one was taken",)
    return one, notes


def stated_kind(path: Path) -> str | None:
    """Kind that the JSON beside a picture states.

    Args:
        path: the picture.

    Returns:
        its name, None if the JSON or its ``kind`` is missing.

    Raises:
        UsageError: the JSON cannot be read.
    """
    kind = _read_json(path.with_suffix(".json")).get("kind")
    return kind if isinstance(kind, str) else None


def _decode_bgra(data: bytes, path: Path) -> NDArray[np.uint8]:
    """Pixels with alpha; a file without alpha is opaque."""
    try:
        return decode_with_alpha(data, max_pixels=MAX_PIXELS)
    except ImageError as error:
        if error.reason == "too_large":
            raise UsageError(f"{path}: has more than 67 megapixels; make it smaller") from error
        raise UsageError(f"{path}: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = read_json(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("anchors", {}), dict):
        raise UsageError(f"{displayable(path)}: must be an object, and its anchors too")
    return document


def _number(document: Mapping[str, Any], name: str, number: Number, path: Path) -> float:
    """A number that the JSON states, or its default."""
    value, low, high = document.get(name, number.default), number.low, number.high
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{displayable(path)}: {name} must be a number from {low:g} to {high:g}")
    return float(value)


def _anchors(
    bgra: NDArray[np.uint8], kind: Kind, stated: Mapping[str, Any], path: Path
) -> tuple[dict[str, Point], tuple[str, ...]]:
    """The stated anchors, and guesses for those that are missing."""
    if not isinstance(kind, HeadKind):
        return {}, ()
    guessed = guess_anchors(bgra, kind)
    anchors: dict[str, Point] = {}
    missing = []
    for name in kind.anchors:
        if name in stated:
            anchors[name] = _point(stated[name], name, path)
        else:
            anchors[name] = guessed[name]
            missing.append(name)
    notes = (f"anchors guessed from the picture: {', '.join(missing)}",) if missing else ()
    return anchors, notes


def guess_anchors(bgra: NDArray[np.uint8], kind: HeadKind) -> dict[str, Point]:
    """Guess the anchors of a bare picture from its visible content.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.
        kind: what it is worn as.

    Returns:
        anchors by name, pixels of the picture.
    """
    x0, y0, x1, y1 = content_box(bgra)
    guessed = kind.guess_anchors(content_mask(bgra)[y0:y1, x0:x1])
    return {name: (x0 + x, y0 + y) for name, (x, y) in guessed.items()}


def _tell(
    bgra: NDArray[np.uint8], kind: Kind, anchors: Mapping[str, Point]
) -> Iterable[tuple[str, float]]:
    """Numbers that a picture itself tells, by name."""
    if not isinstance(kind, HeadKind) or kind.guess_numbers is None:
        return ()
    return kind.guess_numbers(anchors, content_box(bgra)).items()


def _point(value: Any, name: str, path: Path) -> Point:
    if not isinstance(value, list) or len(value) != 2:
        raise UsageError(f"{path}: anchor {name} must be [x, y]")
    try:
        return number_of({name: value[0]}, name, *_ANCHOR_RANGE), number_of(
            {name: value[1]}, name, *_ANCHOR_RANGE
        )
    except ValueError as error:
        raise UsageError(f"{path}: anchor {error}") from error
