"""Who is left alone: what the network takes for a person without being sure, or without a body.

A service dog in a red vest, a horse, a kite and the wing of an airplane have been found as people
in a coat or a dress. People have a head, arms, or legs with feet; most of them has a label; and
their hair is not of the same color as their skin.

Judged on what the bundled model finds with a score of 0.5 and more on 291 COCO photos with exact
masks, from which the numbers were chosen, and on 214 others with boxes (in brackets): 546 (506)
people, 150 (92) animals and things. Head or arms alone dress 471 (437) and 56 (22) of them, all
that is asked for here 472 (431) and 40 (16).
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import SURE_SCORE, ParsingResult, Person
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import (
    ARMS,
    BOTTOMS,
    HANDS,
    HEAD,
    LEGS,
    SHOES,
    build_figure,
    person_window,
)
from m2fp_cli.tryon.head import HeadFrame, SkipReason
from m2fp_cli.tryon.one_garment import bhattacharyya

ANIMAL = "this looks like an animal"  # why one is left alone

# Shares of a person. Animals and things have less than 0.6 % of head and 1.1 % of arms, people
# 0.9 % and more of a head.
MIN_HEAD, MIN_ARMS = 0.008, 0.03
# Legs alone, such as a photo that shows trousers: 6 (4) people more, no animal and no thing.
MIN_FEET, MIN_LEGS, MIN_LABELLED_LEGS = 0.03, 0.1, 0.6

# Score and the presence that the joints' network gives, of those whose face is not clearly seen.
PRESENCE_SHARE, MIN_SUM = 0.2, 0.8

# What has a label at all: things are found as a person, and the label map says background.
# 5 (10) people have less and no face that is clearly seen, and 16 (6) things.
MIN_LABELLED = 0.3
SURE_FACE = 0.3  # confidence of a head

# Fur is called hair and bare limbs. Of 103 people with 0.3 and more of bare limbs 6 have hair of
# that color, all of them a face that is clearly seen.
MIN_FUR = 0.5  # share of a person that is called bare limbs
ALIKE = 0.8  # Bhattacharyya coefficient of the colors of hair and skin
MIN_PIXELS = 40  # of both
BARE = ("Torso-skin", *ARMS, *LEGS)


def why_left_alone(
    person: Person, labels: LabelSet, frame: HeadFrame | SkipReason = SkipReason.NO_FACE
) -> str:
    """Why nobody should be dressed here.

    Args:
        person: one of a result's people.
        labels: names of the label ids.
        frame: their head, or why there is none.

    Returns:
        the reason in words, empty for somebody who can be dressed.
    """
    if person.score < SURE_SCORE or not (_is_present(person) or _has_face(frame)):
        return "the network is not sure that this is a person"
    labelled = _share(person, labels, labels.names)
    if not _has_body(person, labels, labelled):
        if not any(name in labels.names for name in (*HEAD, *HANDS)):
            return "the model has no labels for heads and arms"
        return "neither head nor arms are visible"
    if labelled < MIN_LABELLED and not _has_face(frame):
        return "too few body parts are recognized"
    return ""


def is_animal(
    photo_bgr: Picture, result: ParsingResult, person: Person, frame: HeadFrame | SkipReason
) -> bool:
    """Whether most of somebody is called bare limbs and has the color of their hair: fur.

    Args:
        photo_bgr: (H, W, 3) uint8.
        result: of the photo.
        person: one of its people.
        frame: their head, or why there is none; who has a face is no animal.
    """
    if _has_face(frame) or _share(person, result.labels, BARE) < MIN_FUR:
        return False
    figure = build_figure(result, person, person_window(person))
    window = photo_bgr[figure.window]
    hair, skin = figure.mask("Hair"), figure.mask(*BARE)
    if min(np.count_nonzero(hair), np.count_nonzero(skin)) < MIN_PIXELS:
        return False
    colors = (to_lab(window[mask][:, None])[:, 0] for mask in (hair, skin))
    return bhattacharyya(*colors) > ALIKE


def _is_present(person: Person) -> bool:
    """Whether score and joints together say that there is a person; without joints they do."""
    if person.joints is None:
        return True
    return person.score + PRESENCE_SHARE * person.joints.score >= MIN_SUM


def _has_face(frame: HeadFrame | SkipReason) -> bool:
    return isinstance(frame, HeadFrame) and frame.confidence >= SURE_FACE


def _has_body(person: Person, labels: LabelSet, labelled: float) -> bool:
    """Whether head or arms are seen, or legs with feet or bare skin."""
    if _share(person, labels, HEAD) >= MIN_HEAD or _share(person, labels, HANDS) >= MIN_ARMS:
        return True
    feet, legs = (_share(person, labels, (*LEGS, *more)) for more in (SHOES, (*BOTTOMS, "Socks")))
    return feet >= MIN_FEET and legs >= MIN_LEGS and labelled >= MIN_LABELLED_LEGS


def _share(person: Person, labels: LabelSet, names: tuple[str, ...]) -> float:
    """Share of a person that has one of some labels."""
    area = sum(part.mask.area for part in person.parts if labels.names[part.label_id] in names)
    return area / max(person.mask.area, 1)
