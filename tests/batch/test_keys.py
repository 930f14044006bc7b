from __future__ import annotations

import random

from m2fp_cli.batch.keys import (
    FoundImage,
    assign_keys,
    folders_of,
    is_result_name,
    join_key,
    plain_name,
)
from m2fp_cli.layout import RESULT_SUFFIXES


def slow_keys(places: list[str]) -> list[str]:
    """The rules again, with everything in memory."""
    folders = {folder for place in places for folder in folders_of(place)}
    taken: list[str] = []
    for place in places:
        folder, _, name = place.rpartition("/")
        candidates = [join_key(folder, plain_name(name)), place]
        candidates += [f"{place}~{number}" for number in range(2, len(places) + 3)]
        blocked = {key for key in candidates for end in RESULT_SUFFIXES if key + end in folders}
        taken.append(next(key for key in candidates if key not in {*taken, *blocked}))
    return taken


def test_keys_in_bounded_memory_are_those_of_the_rules():
    dice = random.Random(24)
    parts = ["a", "a.png", "a.png.jpg", "a-b.jpg", "a.jpg", "a~2.jpg", "a.jpg~2", "b.json", "ab"]
    for _ in range(300):
        places = ["/".join(dice.choices(parts, k=dice.randint(1, 3))) for _ in range(12)]
        places.sort()  # some more than once
        found = [FoundImage(place, f"/{number}") for number, place in enumerate(places)]
        folders = {one for place in places for one in folders_of(place) if is_result_name(one)}
        assert [named.key for named in assign_keys(found, folders)] == slow_keys(places), places
