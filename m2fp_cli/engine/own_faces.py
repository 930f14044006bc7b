"""Which person a seen face belongs to.

Who has no head in the photo still has joints for one, and these may lie on a neighbor's face.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from m2fp_cli.records.face import SURE_FACE, Face
from m2fp_cli.records.masks import Mask

_BESIDE = 1.0  # distances between the eyes that a face may lie beside its person's box
_SAME = 0.5  # ... between the middles of two looks at the same face


def keep_own_faces(faces: Sequence[Face | None], masks: Sequence[Mask]) -> list[Face | None]:
    """Give the score 0 to faces that are somebody else's.

    A face outside its person's box is nobody's; of those who share one, it belongs to the person
    whose visible mask has its eyes, else to the first.

    Args:
        faces: of the people, by descending score of the people.
        masks: what is visible of them.
    """
    own = list(faces)
    for index, (face, mask) in enumerate(zip(faces, masks, strict=True)):
        if face is None or face.score < SURE_FACE:
            continue
        rivals = [i for i, one in enumerate(own[:index]) if one is not None and _is_same(one, face)]
        looks = [(masks[i], one) for i in rivals for one in (own[i], face) if one is not None]
        if not _is_near(face, mask):
            own[index] = replace(face, score=0.0)
        elif rivals and _has(mask, face) and not any(_has(theirs, one) for theirs, one in looks):
            for i in rivals:
                own[i] = _without_score(own[i])
        elif rivals:
            own[index] = replace(face, score=0.0)
    return own


def _without_score(face: Face | None) -> Face | None:
    return None if face is None else replace(face, score=0.0)


def _is_same(one: Face, other: Face) -> bool:
    """Whether two sure faces are at the same place."""
    unit = max(one.unit, other.unit)
    return one.score >= SURE_FACE and math.dist(one.eyes_xy, other.eyes_xy) < _SAME * unit


def _is_near(face: Face, mask: Mask) -> bool:
    """Whether the eyes lie in a person's box, or a little beside it."""
    (x, y), (x0, y0, x1, y1), reach = face.eyes_xy, mask.box_xyxy, _BESIDE * face.unit
    return x0 - reach <= x < x1 + reach and y0 - reach <= y < y1 + reach


def _has(mask: Mask, face: Face) -> bool:
    """Whether the middle between the eyes lies in a mask."""
    (x, y), (x0, y0, x1, y1) = map(math.floor, face.eyes_xy), mask.box_xyxy
    return x0 <= x < x1 and y0 <= y < y1 and bool(mask.inside[y - y0, x - x0])
