"""``relabeled/``: the semantic map in the ids of another label set, a palette PNG."""

from __future__ import annotations

from m2fp_cli.imaging.encoding import encode_palette_png
from m2fp_cli.records.mapping import map_labels
from m2fp_cli.records.palette import SCHEMES, Palette
from m2fp_cli.render.outputs import ParsedPhoto


def encode(photo: ParsedPhoto, key: str) -> dict[str, bytes]:
    """The file of one photo, by its path in the folder; none without a label set."""
    result, mapping = photo.result, photo.mapping
    if mapping is None:
        return {}
    ids = map_labels(result.semantic_map, result.labels, mapping, result.person_map)
    palette = Palette.for_labels(mapping.labels, SCHEMES["cihp"]).colors_rgb
    return {f"{key}.png": encode_palette_png(ids, palette)}
