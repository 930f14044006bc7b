"""From the labels of one set to those of another: ATR's, LIP's, VITON's thirteen, or one's own.

A mapping goes by names, so it serves every model whose labels it knows. A label without a side
that becomes one with a side (gloves, socks) takes that of the limb it touches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.errors import UsageError
from m2fp_cli.home import expand_home
from m2fp_cli.jsonio import list_of, object_of, parse_object
from m2fp_cli.records.labels import LABEL_SETS, LabelSet, folded
from m2fp_cli.records.results import LabelMap, PersonMap
from m2fp_cli.terminal import displayable

Target = str | tuple[str, str]

_ARMS, _LEGS = ("Left-arm", "Right-arm"), ("Left-leg", "Right-leg")
# Limbs that tell the side of a label that is to get one, by parts of their names: by that label or,
# where it is another, by the left one that it becomes. Any limb tells that of all others.
_ARM, _LEG = ("arm",), ("leg", "shoe")
_SIDED_BY = {
    "glove": _ARM, "leftarm": _ARM, "socks": _LEG, "leftleg": _LEG, "leftshoe": _LEG
}  # fmt: skip
_ANY_LIMB = ("",)
_BACKGROUND = LABEL_SETS["cihp"].names[0]
_TOUCHING = 3  # pixels between two parts that touch
_MOST_FILE_BYTES = 1 << 20

# Labels that are called the same in both sets go without saying; what is named nowhere becomes
# background. Sources: the lists in `records.labels`; the thirteen of VITON-HD's loaders
# (shadow2496/VITON-HD, datasets.py), where torso-skin is background.
_TABLES: dict[str, dict[str, Target]] = {
    "cihp": {"Jumpsuits": "Dress", "Belt": "Pants"},
    "lip": {"Belt": "Pants"},  # LIP leaves the skin of the neck out
    "atr": {
        "Coat": "UpperClothes", "Jumpsuits": "Dress", "Torso-skin": "Face", "Glove": _ARMS,
        "Socks": _LEGS,
    },
    "viton13": {
        "Hat": "Hair", "Sunglasses": "Face", "UpperClothes": "Upper", "Dress": "Upper",
        "Coat": "Upper", "Jumpsuits": "Upper", "Pants": "Bottom", "Skirt": "Bottom",
        "Belt": "Bottom", "Glove": "Noise", "Scarf": "Noise",
    },
}  # fmt: skip
MAPPINGS = tuple(_TABLES)
"""Names of the label sets that a parse can be mapped to."""


@dataclass(frozen=True)
class LabelMapping:
    """Where each label of a parse goes in another set.

    Attributes:
        name: of the other set; a part of folder names.
        labels: the other set.
        table: target by folded name of the source; a pair means left and right.
        unknown: names of sources in a file that no set in ``LABEL_SETS`` has: those of a model of
            one's own, or typing errors.
    """

    name: str
    labels: LabelSet
    table: Mapping[str, Target]
    unknown: tuple[str, ...] = ()

    def target_of(self, name: str) -> Target:
        """What a label becomes; ``Background`` where nothing fits."""
        target = self.table.get(folded(name))
        if target is not None:
            return target
        same = (known for known in self.labels.names if folded(known) == folded(name))
        return next(same, self.labels.names[0])

    def hides_first(self) -> bool:
        """Whether labels go to the first one as if it were a label like others.

        It is the background, so they are lost; a set may have been written without one.
        """
        first = self.labels.names[0]
        if folded(first) == folded(_BACKGROUND):
            return False
        sent = any(
            first in (one if isinstance(one, tuple) else (one,)) for one in self.table.values()
        )
        return sent or _is_known(first)

    def without_place(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of some labels that become background though nobody has said so.

        They are a model's own: no set that comes with m2fp has them. The sets themselves leave some
        of each other's labels out, and a file of one's own says where its labels go.
        """
        if self.name not in _TABLES or self != load_mapping(self.name):
            return ()
        return tuple(name for name in names if not _is_known(name))

    def fingerprint(self) -> str:
        """16 hex digits that change with any part of the mapping."""
        text = json.dumps([self.labels.names, sorted(self.table.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_mapping(name_or_file: str) -> LabelMapping:
    """A built-in mapping by the name of its set, or one from a file.

    A file is a JSON object such as ``{"labels": ["Background", "Skin", "Top"], "map": {"Face":
    "Skin", "UpperClothes": "Top"}}``: the names of the other set in the order of their ids, and
    where labels of the parse go. A value of two names gives the left and the right one.

    Args:
        name_or_file: member of ``MAPPINGS``, or path of a file.

    Raises:
        UsageError: there is neither, or the file is wrong; the message says where.
    """
    if name_or_file in _TABLES:
        table = {folded(name): target for name, target in _TABLES[name_or_file].items()}
        return LabelMapping(name_or_file, LABEL_SETS[name_or_file], table)
    path = expand_home(name_or_file)
    try:
        if not path.is_file():
            raise UsageError(
                f"there is no label set {name_or_file!r}; use {', '.join(MAPPINGS)} or a JSON file"
            )
        with path.open("rb") as file:
            document = parse_object(file.read(_MOST_FILE_BYTES))
        return _read_mapping(path.stem, document)
    except OSError as error:
        raise UsageError(f"{displayable(path)}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{displayable(path)}: {error}") from error


def _read_mapping(name: str, document: Mapping[str, Any]) -> LabelMapping:
    names = list_of(document, "labels", most=255)
    if not all(isinstance(one, str) and one for one in names):
        raise ValueError('"labels" must be names')
    labels = LabelSet(tuple(names))
    table: dict[str, Target] = {}
    for source, target in object_of(document, "map").items():
        pair = target if isinstance(target, list) else [target]
        if len(pair) not in (1, 2) or not all(one in labels.names for one in pair):
            raise ValueError(f'"map" sends {source!r} to something that "labels" does not name')
        if folded(source) in table:
            raise ValueError(f'"map" names {source!r} twice')
        table[folded(source)] = pair[0] if len(pair) == 1 else (pair[0], pair[1])
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
    unknown = tuple(one for one in object_of(document, "map") if not _is_known(one))
    return LabelMapping(safe or "labels", labels, table, unknown)


def _is_known(name: str) -> bool:
    """Whether a label set that comes with m2fp has a label of this name."""
    return any(folded(one) == folded(name) for each in LABEL_SETS.values() for one in each.names)


def map_labels(
    semantic_map: LabelMap,
    labels: LabelSet,
    mapping: LabelMapping,
    person_map: PersonMap | None = None,
) -> LabelMap:
    """A label map with the ids of another set.

    Args:
        semantic_map: (H, W) uint8, ids of ``labels``.
        labels: what its ids mean.
        mapping: where they go.
        person_map: (H, W) uint16; with it, a limb lends its side to its own person only.

    Returns:
        (H, W) uint8.
    """
    lookup = np.zeros(256, np.uint8)
    sided: list[tuple[int, tuple[str, str]]] = []
    for label_id, name in enumerate(labels.names):
        target = mapping.target_of(name)
        if isinstance(target, tuple):
            sided.append((label_id, target))
            target = target[0]
        lookup[label_id] = mapping.labels.id_of(target)
    mapped = lookup[semantic_map]
    for label_id, pair in sided:
        _give_sides(mapped, semantic_map, labels, label_id, pair, mapping.labels, person_map)
    return mapped


def _give_sides(
    mapped: LabelMap,
    semantic_map: LabelMap,
    labels: LabelSet,
    label_id: int,
    pair: tuple[str, str],
    target: LabelSet,
    person_map: PersonMap | None,
) -> None:
    """Set the right one of a pair wherever a label lies on the right side, in place."""
    there = semantic_map == label_id
    right_id = target.id_of(pair[1])
    limbs = _limbs_beside(labels, label_id, pair[0])
    ids = np.unique(person_map[there]) if person_map is not None else [0]
    for person_id in ids:
        own = there if person_map is None else there & (person_map == person_id)
        if not own.any():
            continue
        body = (semantic_map > 0) if person_map is None else person_map == person_id
        box = _box_of(body | own)
        parts = np.where(body, semantic_map, 0)[box]
        left, right = (np.isin(parts, [limb[side] for limb in limbs]) for side in (0, 1))
        on_right = _is_right(own[box], left, right, body[box])
        mapped[box][on_right] = right_id


def _box_of(mask: BoolArray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _limbs_beside(labels: LabelSet, label_id: int, left: str) -> list[tuple[int, int]]:
    """Ids of limbs, left and right, that tell a label's side; ``left`` is what it may become."""
    names = folded(labels.names[label_id]), folded(left)
    kinds = next((_SIDED_BY[name] for name in names if name in _SIDED_BY), _ANY_LIMB)
    return [pair for kind in kinds for pair in labels.side_pairs(kind)]


def _is_right(own: BoolArray, left: BoolArray, right: BoolArray, body: BoolArray) -> BoolArray:
    """Which pixels of a label lie on the person's right.

    A piece that touches one side is of that side; one that touches both is divided by what is
    nearer; one that touches none is of the nearer side. A person without sides faces the camera:
    what is left in the photo is their right.
    """
    import cv2

    count, pieces = cv2.connectedComponents(own.astype(np.uint8), connectivity=8)
    if not left.any() and not right.any():
        middle = float(np.median(np.nonzero(body)[1])) if body.any() else own.shape[1] / 2
        columns = np.broadcast_to(np.arange(own.shape[1]), own.shape)
        areas = np.maximum(np.bincount(pieces.ravel(), minlength=count), 1)
        centers = np.bincount(pieces.ravel(), columns.ravel(), count) / areas
        return np.asarray(own & (centers < middle)[pieces])
    from_left, from_right = (_distance_to(side) for side in (left, right))
    out = np.zeros_like(own)
    for number in range(1, count):
        piece = pieces == number
        near_left, near_right = float(from_left[piece].min()), float(from_right[piece].min())
        if max(near_left, near_right) <= _TOUCHING:
            out |= piece & (from_right < from_left)
        elif near_right < near_left:
            out |= piece
    return out


def _distance_to(mask: BoolArray) -> NDArray[np.float32]:
    import cv2

    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance, np.float32)
