"""Who is left alone: what the network takes for a person without being sure, or without a body.

A service dog in a red vest, a horse, a kite and the wing of an airplane have been found as people
in a coat or a dress. People have a head, or arms.
"""

from __future__ import annotations

from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import Person
from m2fp_cli.tryon.figure import HANDS, HEAD

MIN_SCORE = 0.5  # of a person

# Shares of a person. Of 117 that the starter finds on 59 COCO photos, 10 are animals or things:
# they have less than 0.6 % of head and 1.1 % of arms, people 0.9 % and more of a head.
MIN_HEAD, MIN_ARMS = 0.008, 0.03


def why_left_alone(person: Person, labels: LabelSet) -> str:
    """Why nobody should be dressed here.

    Args:
        person: one of a result's people.
        labels: names of the label ids.

    Returns:
        the reason in words, empty for somebody who can be dressed.
    """
    if person.score < MIN_SCORE:
        return "the network is not sure that this is a person"
    head, arms = (
        sum(part.mask.area for part in person.parts if labels.names[part.label_id] in names)
        for names in (HEAD, HANDS)
    )
    area = person.mask.area
    seen = head >= MIN_HEAD * area or arms >= MIN_ARMS * area
    return "" if seen else "neither head nor arms are visible"
