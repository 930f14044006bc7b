"""The contact sheet of ``m2fp tryon --sheet``: each photo beside what was made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.batch.written import sheets_in
from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.encoding import encode_jpeg, tag_jpeg
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jsonio import is_whole, parse_object, text_of
from m2fp_cli.layout import (
    SHEET_MARK,
    composite_names,
    result_path,
    sheet_name,
    tryon_record_name,
    variant_record_name,
)
from m2fp_cli.render.contact_sheet import Block, Cell, draw_sheet, shown_box, shrink_to_cell
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import refuse_unmarked, write_file
from m2fp_cli.tryon.look import Variant
from m2fp_cli.tryon.records import items_of

_MOST_PIXELS = 2**30  # of a picture of ours, which no limit stopped when it was written
_MAX_SIDE = 1 << 20  # of a photo
_THREADS = 4  # each with a photo in memory
_QUALITY = 88


@dataclass(frozen=True)
class _Shown:
    """A picture that was made of a photo.

    Attributes:
        name: of its file in the output.
        caption: what is worn.
        note: what nobody got, and why.
        changed: box of what changed; None if nothing did.
    """

    name: str
    caption: str
    note: str
    changed: Box | None


def make_sheet(
    output: Path,
    results: Path,
    tasks: Iterable[ImageTask],
    variants: Sequence[Variant] | None = None,
) -> tuple[Path, int]:
    """Write the contact sheet of an output.

    Args:
        output: with the pictures.
        results: of the parse.
        tasks: the photos; those without pictures are left out.
        variants: what each photo is shown with; None where a photo has one picture.

    Returns:
        path of the first page, and number of pages; 0 if there are no pictures.

    Raises:
        OutputError: it cannot be written, or a file of its name is not a contact sheet of ours.
    """
    pages = 0
    with OutputTree(output) as tree, ThreadPoolExecutor(_THREADS) as pool:
        find = _picture_of if variants is None else partial(_variants_of, variants)
        blocks = _blocks(tree, results, tasks, find, pool)
        for page in draw_sheet(blocks, 1 + (1 if variants is None else len(variants))):
            pages += 1
            data = tag_jpeg(encode_jpeg(page, quality=_QUALITY), SHEET_MARK)
            write_file(output / sheet_name(pages), data, mark=SHEET_MARK)
        for name in list(sheets_in(tree, pages + 1)):
            tree.remove(name)
    return output / sheet_name(1), pages


def refuse_foreign_sheet(output: Path) -> None:
    """Check before the work that the first page can be written after it.

    Raises:
        OutputError: a file of its name is not a contact sheet of ours.
    """
    refuse_unmarked(output / sheet_name(1), SHEET_MARK)


Find = Callable[[OutputTree, str], list[_Shown]]


def _blocks(
    tree: OutputTree,
    results: Path,
    tasks: Iterable[ImageTask],
    find: Find,
    pool: ThreadPoolExecutor,
) -> Iterator[Block]:
    """A block for each photo that has pictures: itself, if it is there, and they."""
    for task in tasks:
        shown = find(tree, task.key)
        if not shown:
            continue
        photo = None
        if not task.origin and task.source != result_path(results, task.key):
            photo = _read(partial(read_bytes, task.source))
        cells = _cells(tree, task.key, photo, shown, pool)
        yield Block(len(shown) + (photo is not None), cells)


def _cells(
    tree: OutputTree,
    key: str,
    photo: Picture | None,
    shown: list[_Shown],
    pool: ThreadPoolExecutor,
) -> Iterator[Cell]:
    boxes = [one.changed for one in shown if one.changed is not None]

    def shrink(picture: Picture | None) -> Picture | None:
        if picture is None:
            return None
        height, width = picture.shape[:2]
        return shrink_to_cell(picture, shown_box(boxes, (height, width)))

    def read(one: _Shown) -> Cell:
        picture = shrink(_read(partial(tree.read, one.name)))
        return Cell(picture, one.caption, one.note if picture is not None else "cannot be read")

    if photo is not None:
        yield Cell(shrink(photo), key)
        del photo
    for first in range(0, len(shown), _THREADS):
        yield from pool.map(read, shown[first : first + _THREADS])


def _variants_of(variants: Sequence[Variant], tree: OutputTree, key: str) -> list[_Shown]:
    """The variants of a photo, as their records say; those that have none are left out."""
    shown = []
    for one in variants:
        name = variant_record_name(key, one.name)
        with contextlib.suppress(ImageError, ValueError):
            shown.append(_variant(name.rpartition("/")[0], parse_object(tree.read(name))))
    return shown


def _variant(folder: str, document: Mapping[str, Any]) -> _Shown:
    kind, item, picture = (text_of(document, one) for one in ("kind", "item", "picture"))
    if not picture or "/" in picture:
        raise ValueError("a picture is not beside its record")
    items = sorted(items_of(document), key=lambda item: item.get("kind") != kind)
    is_worn = bool(items) and items[0].get("kind") == kind  # it may be for a person who is not here
    note = _note(items if is_worn else [])
    return _Shown(f"{folder}/{picture}", f"{kind} {item}", note, _changed(document))


def _picture_of(tree: OutputTree, key: str) -> list[_Shown]:
    """The one picture of a photo; none if it or its record cannot be read."""
    name = next((one for one in composite_names(key) if tree.has_file(one)), None)
    try:
        if name is None:
            return []
        document = parse_object(tree.read(tryon_record_name(key)))
        items = items_of(document)
        worn = [str(one.get("name")) for one in items if one.get("placed")]
        caption = ", ".join(dict.fromkeys(worn)) or "nothing"
        return [_Shown(name, caption, _note(items), _changed(document))]
    except (ImageError, ValueError):
        return []


def _note(items: list[dict[str, Any]]) -> str:
    """What nobody got of what somebody was to wear, and why."""
    placed = {(one.get("kind"), one.get("name")) for one in items if one.get("placed")}
    missed = {
        f"no {one.get('kind')}: {one['reason']}": None
        for one in items
        if one.get("reason") and (one.get("kind"), one.get("name")) not in placed
    }
    return "; ".join(missed) if items else "nobody wears it"


def _changed(document: Mapping[str, Any]) -> Box | None:
    box = document.get("changed")
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(is_whole(one, 0, _MAX_SIDE) for one in box):
        return None
    x0, y0, x1, y1 = box
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _read(read: Callable[[], bytes]) -> Picture | None:
    try:
        return decode_image(read(), max_pixels=_MOST_PIXELS, allow_truncated=True).image_bgr
    except (ImageError, ValueError, OSError):
        return None
