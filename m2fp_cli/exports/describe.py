"""A table of people: where they are, what they wear in which colors, which way they face.

It says what the labels can tell. CIHP has none for belts, bags, ties and jewelry, so a table
never says that somebody wears none of them; where a model has none for skin, it says nothing of it.
"""

from __future__ import annotations

import csv
import functools
import importlib
import importlib.util
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.exports.colors import find_colors
from m2fp_cli.exports.facing import find_facing
from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
)
from m2fp_cli.exports.written_names import written_path
from m2fp_cli.records.labels import folded
from m2fp_cli.records.masks import Mask, union_box
from m2fp_cli.records.results import Person
from m2fp_cli.terminal import warn
from m2fp_cli.tryon.one_tone import find_tone

_SKIN = ("Torso-skin", "Left-arm", "Right-arm", "Left-leg", "Right-leg")
_NOT_WORN = ("Hair", "Face", "Noise", *_SKIN)
_LEAST_SHARE = 0.002  # of a person: less is a fault of the parse, or nothing to speak of
_SHARE_DIGITS = 4
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the beginning of one
_FIRST = (
    "photo", "person_id", "score", "x0", "y0", "x1", "y1", "height_share", "area_share", "cut",
    "parts", "bare_skin", "facing", "facing_confidence",
)  # fmt: skip


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """A row for each chosen person; the table is made of all of them."""
    one_tone = find_tone(photo.image_bgr) is not None
    people = photo.named_people(settings.people)
    rows = [_row(photo, person, one_tone=one_tone) for _, person in people]
    labels = photo.result.labels
    worn = [name for name in (_garment(labels.names[i]) for i in labels.part_ids) if name]
    return Encoded({}, {"rows": rows, "garments": list(dict.fromkeys(worn))})


def _row(photo: ExportedPhoto, person: Person, *, one_tone: bool) -> dict[str, Any]:
    result = photo.result
    height, width = result.image_hw
    x0, y0, x1, y1 = person.box_xyxy
    names = result.labels.names
    areas = {names[part.label_id]: part.mask.area for part in person.parts}
    facing = find_facing(photo.image_bgr, result, person)
    edges = (("left", x0 == 0), ("top", y0 == 0), ("right", x1 == width), ("bottom", y1 == height))
    skin = sum(areas.get(name, 0) for name in _SKIN)
    worn = sum(area for name, area in areas.items() if _garment(name))
    knows = skin + worn > 0 and any(name in _SKIN for name in names)
    return {
        "person_id": person.person_id,
        "score": round(person.score, _SHARE_DIGITS),
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "height_share": round((y1 - y0) / height, _SHARE_DIGITS),
        "area_share": round(person.mask.area / (height * width), _SHARE_DIGITS),
        "cut": [name for name, is_cut in edges if is_cut],
        "parts": [name for name, area in areas.items() if _is_seen(area, person)],
        "bare_skin": round(skin / (skin + worn), _SHARE_DIGITS) if knows else None,
        "facing": facing.word,
        "facing_confidence": facing.confidence,
        "garments": _garments(photo.image_bgr, person, names, one_tone=one_tone),
    }


def _is_seen(area: int, person: Person) -> bool:
    return area >= _LEAST_SHARE * person.mask.area


def _garment(name: str) -> str:
    """Column of a label: both sides are one, and what is not worn has none."""
    if name in _NOT_WORN:
        return ""
    plain = folded(name)
    return plain.removeprefix("left").removeprefix("right")


def _garments(
    image_bgr: Picture, person: Person, names: Sequence[str], *, one_tone: bool
) -> list[dict[str, Any]]:
    """What a person wears: share of the person, colors with their shares."""
    masks: dict[str, list[Mask]] = {}
    for part in person.parts:
        if name := _garment(names[part.label_id]):
            masks.setdefault(name, []).append(part.mask)
    found = []
    for name, parts in masks.items():
        area = sum(mask.area for mask in parts)
        if not _is_seen(area, person):
            continue
        crop, inside = _together(image_bgr, parts)
        colors = [
            {"name": one.name, "share": one.share, "lab": list(one.lab), "rgb": list(one.rgb)}
            for one in find_colors(crop, inside, one_tone=one_tone)
        ]
        share = round(area / person.mask.area, _SHARE_DIGITS)
        found.append({"garment": name, "share": share, "colors": colors})
    return found


def _together(image_bgr: Picture, masks: Sequence[Mask]) -> tuple[Picture, BoolArray]:
    """The part of the photo around some masks, and all of them in it."""
    x0, y0, x1, y1 = functools.reduce(union_box, (mask.box_xyxy for mask in masks))
    inside = np.zeros((y1 - y0, x1 - x0), np.bool_)
    for mask in masks:
        left, top, right, bottom = mask.box_xyxy
        inside[top - y0 : bottom - y0, left - x0 : right - x0] |= mask.inside
    return image_bgr[y0:y1, x0:x1], inside


def finish(items: Sequence[Item], _settings: ExportSettings) -> NamedFiles:
    """The table, as CSV and JSON lines; as Parquet too where there is a pyarrow that starts."""
    rows = [
        {"photo": written_path(item.source), **row} for item in items for row in item.record["rows"]
    ]
    garments = dict.fromkeys(name for item in items for name in item.record["garments"])
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    files = {"people.csv": _to_csv(rows, [*garments]), "people.jsonl": lines.encode("ascii")}
    if importlib.util.find_spec("pyarrow") is not None and _pyarrow_starts():
        files["people.parquet"] = _to_parquet(rows)
    return files


@functools.cache
def _pyarrow_starts() -> bool:
    """Whether pyarrow can be imported; 26 needs NumPy 2, with which torch 1.13.1 does not work."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        why = str(error).partition("\n")[0]
        warn(f"people.parquet is left out: {why}; pip install 'm2fp[parquet]' takes one that fits")
        return False
    return True


def _to_csv(rows: Sequence[dict[str, Any]], garments: Sequence[str]) -> bytes:
    """One line a person; lists have blanks between their words.

    Spreadsheets run a cell that looks like a formula, and names come from outside: a photo's gets
    ``./`` before it, which leaves the path what it is, a label's an apostrophe.
    """
    columns = [*_FIRST, *(c for name in garments for c in (name, f"{name}_colors"))]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerow({name: _inert(name, "'") for name in columns})
    for row in rows:
        flat = {name: _flat(row[name]) for name in _FIRST}
        flat |= {"photo": _inert(row["photo"], "./"), "parts": _inert(flat["parts"], "'")}
        for worn in row["garments"]:
            shown = "; ".join(f"{c['name']} {c['share']:.2f}" for c in worn["colors"])
            flat |= {worn["garment"]: worn["share"], f"{worn['garment']}_colors": shown}
        writer.writerow(flat)
    return text.getvalue().encode()


def _inert(text: str, mark: str) -> str:
    """A text that is no formula to a spreadsheet; one that would be gets a mark before it."""
    return f"{mark}{text}" if text.startswith(_FORMULA) else text


def _flat(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value


def _to_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    # Of no people, or of people without garments, pyarrow could not tell what columns hold.
    text, whole, number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    numbers, wholes, texts = (pyarrow.list_(of) for of in (number, whole, text))
    color = pyarrow.struct({"name": text, "share": number, "lab": numbers, "rgb": wholes})
    garment = {"garment": text, "share": number, "colors": pyarrow.list_(color)}
    kinds = {"photo": text, "facing": text, "cut": texts, "parts": texts}
    kinds |= dict.fromkeys(("person_id", "x0", "y0", "x1", "y1"), whole)
    fields = {name: kinds.get(name, number) for name in _FIRST}
    fields["garments"] = pyarrow.list_(pyarrow.struct(garment))
    sink = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, pyarrow.schema(fields)), sink)
    return sink.getvalue()


FORMAT = Format(
    name="describe",
    summary="a table of people, their garments and colors: CSV, JSON lines, Parquet",
    encode=encode,
    finish=finish,
    not_made={"belt, bag, tie, jewelry": "no label that is parsed tells of them"},
)
