"""``labels/``: the semantic map as a palette PNG, pixel = label id."""

from __future__ import annotations

from m2fp_cli.imaging.encoding import encode_palette_png
from m2fp_cli.records.palette import Palette
from m2fp_cli.render.outputs import ParsedPhoto


def encode(photo: ParsedPhoto, key: str) -> dict[str, bytes]:
    """The file of one photo, by its path in the folder."""
    palette = Palette.for_labels(photo.result.labels).colors_rgb
    return {f"{key}.png": encode_palette_png(photo.result.semantic_map, palette)}
