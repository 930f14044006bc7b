"""The files of one result: a module for each folder of a parse in ``layout.OUTPUT_FOLDERS``.

Each module is named like its folder and has ``encode``. A new one needs its file here and its line
in that table, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.layout import OUTPUT_FOLDERS
from m2fp_cli.records.document import Provenance
from m2fp_cli.records.mapping import LabelMapping
from m2fp_cli.records.results import ParsingResult


@dataclass(frozen=True, eq=False)
class ParsedPhoto:
    """A photo and everything that its files are made from.

    Attributes:
        image_bgr: (H, W, 3) uint8, upright.
        result: what the parser says of it.
        provenance: what the result was made from.
        mapping: the label set of ``relabeled/``; None where that is not written.
    """

    image_bgr: NDArray[np.uint8]
    result: ParsingResult
    provenance: Provenance
    mapping: LabelMapping | None = None


def encode_outputs(photo: ParsedPhoto, key: str, save: Sequence[str]) -> list[tuple[str, bytes]]:
    """The files of one photo, its JSON document last.

    Args:
        photo: the photo and its result.
        key: of the photo in the output.
        save: members of ``layout.SAVE_OPTIONS``.

    Returns:
        (name, content) pairs, deterministic to the byte.
    """
    files: list[tuple[str, bytes]] = []
    for folder in OUTPUT_FOLDERS:
        if folder.option in save:
            module = import_module(f"{__name__}.{folder.name}")
            named: dict[str, bytes] = module.encode(photo, key)
            files += [(f"{folder.name}/{name}", data) for name, data in named.items()]
    return files
