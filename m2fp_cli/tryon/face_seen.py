"""Whether a face is seen at all where the label map has one.

On heads from behind an ear, a nape or a gap in the hair is called a face, on hands and things
some patch of their color, and a pair of eyes is found on all of them. Such a patch is a small part
of the head, lies at its lower end or beside it, or is ragged.

Judged on heads that could wear glasses on 505 COCO photos, by the annotated eyes and noses and by
looking at all others; the numbers were chosen on photos with an even number. In brackets those with
an odd one: of 33 (32) heads without a face 28 (23) are found out, of 233 (203) with a face 10 (12)
are lost, of those whose eyes are annotated and were met 1 of 131 (2 of 107).

On 586 heads of street photos, from which nothing was learned, 15 are taken for heads without a
face: 12 of passers-by, most of them from behind or the side, and 3 of the 515 who pose, one of them
turned away.

That was counted with the starter's fifth weights. With the sixth, and the yaw of ``head_yaw``, of
266 heads whose annotated eyes were met 10 are lost, two of them as profiles, and of 47 people
without annotated eyes and nose 25 are found out (7 and 29 with the yaw before).

Joints tell better: the ears of a head that faces the camera lie on the right sides and apart. On
both halves of the COCO photos, of people with a face label: of 420 whose eyes are annotated
something is put on 229 within 0.4 U of their eyes (192 without joints) and on 57 more than 0.6 U
beside them (102); of 152 with one annotated eye, profiles for the most part, on 57 (92); of 115
without eyes and nose on 13 (23). Of 842 heads of street photos none is refused by the ears.

The face network tells best: what it looked at and saw no face in is from the side, hidden, too
small or none. On the same photos, of 413 people whose eyes are annotated something is put on 236
within 0.4 U of their eyes and on 4 more than 0.6 U beside them, of 162 with one annotated eye on 4,
of 344 without on none. Where heads with less than 10 pixels between the eyes were dressed without
it, these were 253 and 17, 19 and 29.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.joints import SURE_PRESENCE
from m2fp_cli.tryon.figure import HAIR, Figure, face_region
from m2fp_cli.tryon.head import HeadFrame, SkipReason
from m2fp_cli.tryon.head_joints import find_eyes, measure_head
from m2fp_cli.tryon.morphology import dilate

SURE = 0.95  # confidence of a head frame from which a face is believed
# Of what is left 3 of 17 without a face and 2 of 419 with one have a label in doubt, a winch and a
# hand among them.
MIN_SCORE = 0.75  # of the label

# Joints.
# From the right ear to the left one, U; less is a head from behind or the side.
MIN_EARS_APART = 0.2
SAME_EYES = 0.25  # between the eyes that both have found, U; a face is believed
MIN_EARS_OF_FACE = 0.4  # ... and no less from ear to ear, U

# Faces that the network did not see. It sees half of those with 7 to 10 pixels between the eyes;
# and as it looks at a reduced copy of a large photo, of 576 pixels or more, larger ones may have
# been small to it.
SMALL = 10.0  # pixels between the eyes; less say nothing without the network
SEEN_SHARE = 10 / 576  # of the photo's shorter side; larger ones it would have seen

# A face. Lengths are in sides of a square as large as it.
LEAST_OF_HEAD = 0.14  # share of face, hair and hat together
MAX_DROP = 1.05  # of its middle below that of the hair
MAX_BELOW_TOP = 2.0  # of its upper end below that of the hair
MAX_BELOW_HAIR = 1.15  # of its lower end below that of the hair
MAX_BESIDE = 1.2  # of its middle beside that of the hair
MIN_FILLED = 0.5  # share of its box
MAX_ASPECT = 2.2  # width to height
MIN_SIDE = 1.6  # U by the eyes that were found

# What is around a face.
RING = 0.25  # width of what is looked at
MAX_BARE = 0.28  # share of it that is bare skin of neck and back
MAX_APART = 0.86  # share of it that is not this person


@dataclass(frozen=True)
class _Extent:
    """Middle and ends of a mask, pixels; 2 % lie beyond each end."""

    x: float
    y: float
    left: float
    right: float
    upper: float
    lower: float


def doubt_face(figure: Figure, frame: HeadFrame, score: float) -> SkipReason | None:
    """Why what is called a face is none that is seen.

    Args:
        figure: the person in a window around the head.
        frame: the head that was found there.
        score: of the label, 0..1.

    Returns:
        the reason; None if it is a face.
    """
    if frame.by_face:
        return None
    if figure.face is not None and frame.unit < SMALL:
        return SkipReason.SMALL
    if figure.face is not None and frame.unit >= SEEN_SHARE * min(figure.image_hw):
        return SkipReason.NOT_SEEN
    return None if _is_seen_without_network(figure, frame, score) else SkipReason.NOT_SEEN


def _is_seen_without_network(figure: Figure, frame: HeadFrame, score: float) -> bool:
    """Whether joints, masks and pixels alone say that a face is seen."""
    seen = _is_seen_by_joints(figure, frame)
    if seen is not None:
        return seen
    if frame.confidence >= SURE:
        return True
    if score < MIN_SCORE:
        return False
    face = face_region(figure)
    side = math.sqrt(np.count_nonzero(face))
    extent = _measure(face)
    width, height = extent.right - extent.left + 1, extent.lower - extent.upper + 1
    compact = side * side >= MIN_FILLED * width * height and width <= MAX_ASPECT * height
    large = side * figure.stride >= MIN_SIDE * frame.unit
    return compact and large and _fits_hair(figure, extent, side) and _fits_ring(figure, face, side)


def _is_seen_by_joints(figure: Figure, frame: HeadFrame) -> bool | None:
    """Whether joints say that a face is seen; None where they do not tell."""
    joints = figure.joints
    if joints is None or joints.score < SURE_PRESENCE:
        return None
    apart = measure_head(joints, math.radians(frame.roll)).ears_apart / frame.unit
    if apart < MIN_EARS_APART:
        return False
    x, y = find_eyes(joints)
    near = math.hypot(x - frame.eyes_xy[0], y - frame.eyes_xy[1]) < SAME_EYES * frame.unit
    return True if near and apart > MIN_EARS_OF_FACE else None


def _fits_hair(figure: Figure, face: _Extent, side: float) -> bool:
    """Whether a face is as large and lies as high as the hair says."""
    hair = figure.mask(*HAIR)
    if not hair.any():
        return True
    around = _measure(hair)
    return (
        side * side >= LEAST_OF_HEAD * (side * side + np.count_nonzero(hair))
        and face.y - around.y <= MAX_DROP * side
        and face.upper - around.upper <= MAX_BELOW_TOP * side
        and face.lower - around.lower <= MAX_BELOW_HAIR * side
        and abs(face.x - around.x) <= MAX_BESIDE * side
    )


def _fits_ring(figure: Figure, face: BoolArray, side: float) -> bool:
    """Whether around a face is more than bare skin, and more than what is not the person."""
    ring = dilate(face, max(RING * side, 2.0)) & ~face
    bare = np.count_nonzero(figure.mask("Torso-skin") & ring)
    apart = np.count_nonzero((figure.label_map == 0) & ring)
    size = max(np.count_nonzero(ring), 1)
    return bare <= MAX_BARE * size and apart <= MAX_APART * size


def _measure(mask: BoolArray) -> _Extent:
    y, x = np.nonzero(mask)
    left, right = np.percentile(x, (2, 98))
    upper, lower = np.percentile(y, (2, 98))
    return _Extent(float(x.mean()), float(y.mean()), *map(float, (left, right, upper, lower)))
