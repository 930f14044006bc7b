"""Names of labels and photos as other programs read them, where there are odd ones.

CVAT's ``labelmap.txt`` has a label a line, whose fields colons part, whose comments begin with
``#``, and which names no label twice. Both CVAT and LabelMe have labels of their own for what is
nothing and for what was not decided.

Names of files are bytes, and those of old disks and archives often no UTF-8, which tables hold.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from types import MappingProxyType

from m2fp_cli.records.labels import IGNORED_ID, LabelSet, folded

BACKGROUND = "background"
RESERVED: Mapping[str, int] = MappingProxyType({BACKGROUND: 0, "ignore": IGNORED_ID})
"""Folded names with a meaning of their own: LabelMe's are ``_background_``, ``__ignore__``."""
_ESCAPE = re.compile(r"\\(?=udc[0-9a-f]{2})")
_ESCAPED_BACKSLASH = r"\udc5c"


@functools.lru_cache(maxsize=64)
def written_names(labels: LabelSet) -> Mapping[int, str]:
    """Name by id of the labels of a map, without the background.

    Most names are written as they are. A colon becomes a hyphen. No two are equal when they are
    folded, and none is reserved: a number is appended where that would be.
    """
    names: dict[int, str] = {}
    taken = {*RESERVED}
    for label_id in labels.part_ids:
        plain = labels.names[label_id].replace(":", "-").strip().lstrip("#") or "label"
        numbered = (f"{plain}_{number}" for number in itertools.count(2))
        name = next(one for one in itertools.chain([plain], numbered) if folded(one) not in taken)
        taken.add(folded(name))
        names[label_id] = name
    return MappingProxyType(names)


def written_path(path: str) -> str:
    r"""A photo's path as valid Unicode from which its bytes can be had again.

    A byte that is no UTF-8 becomes the six characters that JSON writes for it: ``caf\xe9.jpg`` is
    ``caf\udce9.jpg``. Every ``\udcXX`` stands for the byte XX, so a backslash that would begin one
    is written so, too; all other paths stay as they are.

    Args:
        path: may hold ``surrogateescape`` characters.
    """
    plain = _ESCAPE.sub(lambda _: _ESCAPED_BACKSLASH, path)
    return plain.encode("utf-8", "backslashreplace").decode("utf-8")
