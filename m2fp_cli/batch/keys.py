"""Where a photo's results go: one key per photo, unique within a run.

A key is a relative path without suffix, with ``/`` on every system: the results of key
``summer/img_1`` are ``labels/summer/img_1.png``, ``results/summer/img_1.json`` and so on. The
rules, in the order in which they apply:

1. The folder part mirrors the input, see ``scan.find_images``; the last part is the photo's name
   without its image suffix.
2. Where two photos of one folder would share a key (``a.jpg``, ``a.png``), the first in sorted
   order keeps the plain key ``a`` and each other one keeps its suffix: ``a.png``.
3. If that is taken as well, ``~2``, ``~3`` ... is appended.
4. A last part of more than 239 bytes is cut and ends in ``~`` and 8 hex digits of its name's hash,
   so that the suffix of a result still fits into a file system's 255 bytes.

A key depends on nothing but the sorted list of photos, so the same inputs get the same keys.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.batch.stamps import FileStamp
from m2fp_cli.layout import IMAGE_SUFFIXES, RESULT_SUFFIXES
from m2fp_cli.storage.errors import WINDOWS_CHARACTERS
from m2fp_cli.storage.short_names import shorten_name
from m2fp_cli.terminal import displayable

_REFUSED = WINDOWS_CHARACTERS + "%"
_MAX_PATH_BYTES = 4096 - 64  # Linux' PATH_MAX, less the result folder and suffix
_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)))
)


class FoundImage(NamedTuple):
    """A photo before it has a key; of a type that is quick to write to the disk and to read.

    Attributes:
        place: relative posix path the results mirror, with the photo's suffix.
        source: absolute path of the photo, as text.
        stamp: what the listing says of the file; None if nobody asked.
    """

    place: str
    source: str
    stamp: FileStamp | None = None

    @property
    def order(self) -> tuple[str, str]:
        """What photos are sorted by."""
        return self.place, self.source


def has_image_suffix(name: str) -> bool:
    """Whether a file of this name is taken from a folder."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - runs once per file


@dataclass(frozen=True)
class NamedImage:
    """A photo with its key.

    Attributes:
        image: the photo.
        key: where its results go.
        note: why the key is not simply the plain one, in a sentence; empty if it is.
    """

    image: FoundImage
    key: str
    note: str = ""


def assign_keys(found: Iterable[FoundImage], folders: Collection[str]) -> Iterator[NamedImage]:
    """Give each photo its key, in memory that does not grow with their number.

    Every candidate but a numbered or a cut one is the beginning of its photo's place. In sorted
    order all places with one beginning stand together, so a key can be forgotten as soon as a place
    does not begin with it.

    Args:
        found: photos in sorted order.
        folders: places of the folders that photos lie in; those whose name could be a result's,
            see ``is_result_name``, are enough.
    """
    near: list[str] = []  # taken keys that the places from here on may begin with
    odd: set[str] = set()  # taken keys that are not the beginning of their place
    for image in found:
        while near and not image.place.startswith(near[-1]):
            near.pop()
        free = (
            candidate
            for candidate in _candidates(image.place)
            if candidate not in near and candidate not in odd and not _blocked(candidate, folders)
        )
        key = next(free)
        if image.place.startswith(key):
            near.append(key)
            near.sort(key=len)
        else:
            odd.add(key)
        note = "" if key == plain_name(image.place) else _why_renamed(image, key)
        yield NamedImage(image, key, note)


def is_result_name(name: str) -> bool:
    """Whether a folder of this name may stand in the way of a result."""
    return name.endswith(RESULT_SUFFIXES)


def room_for_keys(output: Path | None) -> int:
    """How many bytes a key may have, so that its results can be opened by their paths."""
    return _MAX_PATH_BYTES - (0 if output is None else len(os.fsencode(output)))


def folders_of(place: str) -> Iterator[str]:
    """Places of all folders that a place lies in, the innermost first."""
    folder = place.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def distinct_tails(folders: Iterable[Path]) -> dict[Path, str]:
    """For each absolute folder the shortest end of its path that no other one of its name shares.

    ``/x/photos`` alone is ``photos``; with ``/y/photos`` beside it they are ``x/photos`` and
    ``y/photos``.
    """
    by_name: dict[str, list[Path]] = defaultdict(list)
    for folder in sorted(set(folders)):
        by_name[folder.name].append(folder)
    tails: dict[Path, str] = {}
    for group in by_name.values():
        for length in itertools.count(1):
            ends = ["/".join(folder.parts[1:][-length:]) for folder in group]
            if len(set(ends)) == len(group):
                tails.update(zip(group, ends, strict=True))
                break
    return tails


def join_key(folder: str, name: str) -> str:
    """A relative posix path; ``folder`` may be empty."""
    return f"{folder}/{name}" if folder else name


def plain_name(name: str) -> str:
    """A file name or place without its image suffix; any other suffix belongs to the name."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a posix key, not a path of this system
    return stem if suffix.lower() in IMAGE_SUFFIXES else name


def safe_place(place: str) -> str:
    """A place whose parts every file system takes: what one refuses is percent-encoded.

    ``urllib.parse.unquote`` gives the place back. Encoded are the characters that exFAT, NTFS and
    SMB shares refuse, control characters, bytes that are not UTF-8, ``%`` itself, a dot or blank at
    the end, and the first letter of the names that Windows keeps for devices (``CON``, ``NUL``).
    """
    return "/".join(_safe_part(part) for part in place.split("/"))


def _safe_part(part: str) -> str:
    safe = "".join(_quoted(c) if c in _REFUSED or not c.isprintable() else c for c in part)
    if safe[-1:] in (".", " "):
        safe = safe[:-1] + _quoted(safe[-1])
    if safe.partition(".")[0].upper() in _DEVICES:
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return safe


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in os.fsencode(text))


def _why_renamed(image: FoundImage, key: str) -> str:
    plain = next(_candidates(image.place))
    why = "its name is very long" if key == plain else f"{displayable(plain)} is taken"
    return f"{displayable(image.source)}: results are named {displayable(key)}, {why}"


def _candidates(place: str) -> Iterator[str]:
    folder, _, name = place.rpartition("/")
    yield join_key(folder, shorten_name(plain_name(name)))
    yield join_key(folder, shorten_name(name))
    for number in itertools.count(2):
        yield join_key(folder, f"{shorten_name(name)}~{number}")


def _blocked(key: str, folders: Collection[str]) -> bool:
    """Whether a result of this key needs a folder's name: ``a.jpg`` beside ``a.png/b.jpg``."""
    return any(key + suffix in folders for suffix in RESULT_SUFFIXES)
