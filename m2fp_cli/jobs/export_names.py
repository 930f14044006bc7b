"""What photos are called in a data set: each gets a name that no other photo has."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.exports.format import Format
from m2fp_cli.jsonio import parse_object, text_of
from m2fp_cli.layout import export_record_name
from m2fp_cli.storage.short_names import shorten_name
from m2fp_cli.storage.tree import OutputTree

_MOST_BYTES = 255 - 40  # of a name; ids of people, numbers and endings follow
_PLAIN = "-_.~"  # beside letters and digits, what names in a data set may hold

Earlier = Callable[[Sequence[str]], Mapping[str, str]]
"""Names that some photos, by their keys, have in the data set already."""


def plain_name(key: str, wanted: Format) -> str:
    """Name of a photo in a data set, if no other photo has it.

    Lists of pairs are taken apart at white space and names at ``.jpg``, so neither is in a name.
    """
    if wanted.mirrors:
        return key
    name = key.replace("/", "__")
    name = "".join(c if c.isalnum() or c in _PLAIN else "_" for c in name)
    name = name.replace(".jpg", "-jpg")
    return shorten_name(name.replace("_", "-") if wanted.hyphens else name, _MOST_BYTES)


def settle_names(
    keys: Iterable[str], wanted: Format, earlier: Earlier = lambda _: {}
) -> tuple[tuple[str, str], ...]:
    """A name of its own for each photo that would share another one's.

    Args:
        keys: of all photos of the data set, shards included.
        wanted: the format.
        earlier: asked for photos that would share a name; they keep the one that they have.

    Returns:
        (key, name) pairs; for all other photos ``plain_name`` holds.
    """
    plain = {key: plain_name(key, wanted) for key in sorted(keys)}
    uses = Counter(wanted.reserved)
    for name in plain.values():
        uses.update(_files_of(name, wanted))
    shared = [k for k, name in plain.items() if any(uses[f] > 1 for f in _files_of(name, wanted))]
    if not shared:
        return ()
    before = {k: name for k, name in earlier(shared).items() if _is_numbered(name, plain[k])}
    owners: dict[str, str | None] = dict.fromkeys(wanted.reserved)
    for key, name in plain.items():
        owners.update({file: key for file in _files_of(name, wanted) if uses[file] == 1})
    settled = []
    for key in sorted(shared, key=lambda key: key not in before):  # who has a name chooses first
        names = _candidates(plain[key], before.get(key))
        name = next(n for n in names if _is_free(_files_of(n, wanted), key, owners))
        owners.update(dict.fromkeys(_files_of(name, wanted), key))
        if name != plain[key]:
            settled.append((key, name))
    return tuple(settled)


def _files_of(name: str, wanted: Format) -> list[str]:
    """What must not be another photo's as well: a name with each ending of the format."""
    return [name + end for end in wanted.endings]


def _candidates(plain: str, before: str | None) -> Iterator[str]:
    """What a photo may be called, the best first."""
    yield from (plain,) if before is None else (before, plain)
    yield from (f"{plain}~{number}" for number in itertools.count(2))


def _is_free(files: Iterable[str], key: str, owners: Mapping[str, str | None]) -> bool:
    """Whether a photo may have these files: none of them is another's."""
    return all(owners.get(file, key) == key for file in files)


def _is_numbered(name: str, plain: str) -> bool:
    """Whether a name is one that ``settle_names`` gives."""
    return name == plain or re.fullmatch(r"~[1-9]\d{0,8}", name.removeprefix(plain)) is not None


def read_names(output: Path, export: str, keys: Sequence[str]) -> dict[str, str]:
    """Names that photos have in a data set already; those that are not in it are left out.

    Args:
        output: root of the output.
        export: the format's name.
        keys: of the photos.
    """
    names = {}
    for key in keys:
        with contextlib.suppress(ImageError, OutputError, ValueError), OutputTree(output) as tree:
            names[key] = text_of(parse_object(tree.read(export_record_name(export, key))), "name")
    return names
