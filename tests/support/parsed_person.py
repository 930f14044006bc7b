"""Drawn people and their results in an output, as a parse leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.layout import DEFAULT_SAVE
from m2fp_cli.records.document import Provenance
from m2fp_cli.records.labels import CIHP
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.drawn_people import draw_person


def parse_drawn(folder: Path, name: str = "anna", people: int = 1) -> tuple[Path, Path]:
    """Draw people beside each other and write what a parse would.

    Returns:
        the photo, in ``folder``, and the output, ``folder/out``.
    """
    drawn = draw_person()
    photo_bgr = np.hstack([drawn.photo_bgr] * people)
    labels = np.hstack([drawn.labels] * people)
    ids = [np.where(drawn.labels > 0, number + 1, 0) for number in range(people)]
    result = result_from_maps(CIHP, labels, np.hstack(ids).astype(np.uint16))
    photo, output = folder / f"{name}.png", folder / "out"
    photo.write_bytes(encode_png(photo_bgr))
    origin = Provenance(photo.name, 0, "", 1, "m", "0", "fast", False, 0.1)
    with OutputTree(output, create=True) as tree:
        files = encode_outputs(ParsedPhoto(photo_bgr, result, origin), name, DEFAULT_SAVE)
        write_group(tree, files)
    return photo, output
