"""A folder of hostile pictures and names, through every command.

Each file ends in one state, no worker dies of one, nothing outside the output changes, and a second
run does nothing again.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from tests.support.hostile_folders import make_awkward_photos, make_fifo
from tests.support.hostile_pictures import hostile_files
from tests.torture.mutations import damage
from tests.torture.photos import fingerprint, inspect_output, reports_of, results_of
from tests.torture.setting import Setting

_MUTANTS = 500
_LARGEST = 60_000  # bytes of a picture that is damaged; the larger ones are bombs as they are


def run(setting: Setting) -> None:
    """Parse the corpus, paint it, dress it, make a page of it, and do all of that again."""
    photos, output = setting.folder / "photos", setting.folder / "out"
    count = write_corpus(setting, photos)
    before = fingerprint(photos)
    parse = (
        "parse",
        photos,
        "-r",
        "-o",
        output,
        "-q",
        "--json",
        "--save",
        "labels,people,masks,json",
    )
    first = setting.run(*parse)
    setting.expect(first.code == 3, f"parse ends with {first.code}: {first.err[-300:]!r}")
    reports = reports_of(setting, first.out, "parse")
    states = Counter(one["status"] for one in reports)
    sources = Counter(one["source"] for one in reports)
    twice = [source for source, number in sources.items() if number > 1]
    setting.expect(not twice, f"more than one state: {twice[:3]}")
    setting.expect(len(sources) == count, f"{count} files and {len(sources)} states")
    for one in reports:
        if one["reason"] in ("crash", "internal", "timeout", "out_of_memory"):
            setting.findings.append(f"{one['reason']}: {one['source']}: {one['message']}")
    foreign = [line for line in first.err.splitlines() if not line.startswith("failed /")]
    setting.expect(not foreign, f"a library's own words reach stderr: {foreign[:2]}")
    inspect_output(setting, output, "parse")
    for words in (("colorize",), ("tryon", "--hat", "fedora"), ("report",)):
        answer = setting.run(words[0], output, *words[1:], "-q")
        setting.expect(answer.code in (0, 3), f"{words[0]} ends with {answer.code}")
    tree = results_of(output)
    again = setting.run(*parse)
    states_again = Counter(one["status"] for one in reports_of(setting, again.out, "again"))
    setting.expect(states_again["done"] == 0, f"done again: {states_again}")
    setting.expect(results_of(output) == tree, "the second run changed results")
    setting.expect(fingerprint(photos) == before, "the photos' folder changed")
    setting.figures += [f"{count} files", *(f"{number} {one}" for one, number in states.items())]
    setting.figures.append(f"parse {first.seconds:.0f} s, again {again.seconds:.0f} s")


def write_corpus(setting: Setting, folder: Path) -> int:
    """Write the corpus; number of files that must end in a state."""
    rng = setting.random("corpus")
    whole = [one for one in hostile_files() if one.data]
    small = [one for one in whole if len(one.data) <= _LARGEST]
    for name in ("whole", "mutants", "names", "others/loop"):
        (folder / name).mkdir(parents=True)
    for one in whole:
        (folder / "whole" / one.name).write_bytes(one.data)
    for number in range(setting.count(_MUTANTS)):
        one = rng.choice(small)
        suffix = one.name.rpartition(".")[2]
        path = folder / "mutants" / f"{number:04d}.{suffix}"
        path.write_bytes(damage(one.data, rng))
    make_awkward_photos(folder / "names")
    make_fifo(folder / "others" / "pipe.jpg")
    (folder / "others" / "loop" / "back").symlink_to("..")
    (folder / "others" / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "others" / "linked.jpg").symlink_to("../whole/jpeg_named.png")
    files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    suffixes = (".jpg", ".jpeg", ".png", ".tif", ".webp", ".gif", ".bmp", ".avif", ".jp2")
    return sum(
        path.name.lower().endswith(suffixes[:-1]) and path.name != "pipe.jpg" for path in files
    )
