"""Photos and results to export, drawn instead of parsed, and the formats run on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Item
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.labels import CIHP
from tests.support.dressed import draw_dressed
from tests.support.parsed_tree import noise_photo


def drawn_photo(name: str = "a", *, people: int = 1, orientation: int = 1) -> ExportedPhoto:
    """One or two drawn people in front of noise; those on the right are smaller."""
    labels = draw_dressed(hw=(420, 600))
    persons = (labels > 0).astype(np.uint16)
    if people == 2:
        second = np.zeros_like(labels)
        small = draw_dressed()[::2, ::2]
        second[100:310, 420:570] = small
        labels[second > 0] = second[second > 0]
        persons[second > 0] = 2
    image = noise_photo((420, 600))[:, :, ::-1].copy()
    result = result_from_maps(CIHP, labels, persons)
    file = (".png", encode_png(image)) if orientation == 1 else None
    return ExportedPhoto(name, image, result, file)


def export_to(root: Path, name: str, *photos: ExportedPhoto, **settings) -> list[Encoded]:
    """Write the data set of some photos into a folder."""
    wanted = find_format(name)
    chosen = ExportSettings(**{"people": wanted.people, **settings})
    done = [wanted.encode(photo, chosen) for photo in photos]
    items = [
        Item(photo.name, f"{photo.name}.png", one.record)
        for photo, one in zip(photos, done, strict=True)
    ]
    files = [*(one.files for one in done), wanted.finish(items, chosen)]
    for path, data in ((path, data) for group in files for path, data in group.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return done
