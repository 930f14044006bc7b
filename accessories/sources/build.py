"""Draw all accessories: ``python accessories/sources/build.py [FILE...]``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from pictures import save

DRAWERS = (
    ("hats", "draw_hats", 1280),
    ("glasses", "draw_glasses", 1280),
    ("jewelry", "draw_earrings", 1024),
    ("jewelry", "draw_necklaces", 1280),
    ("fabrics", "draw_fabrics", 1024),
    ("garments", "draw_garments", 960),
)


def main(wanted: list[str]) -> None:
    """Draw all accessories, or those of some files here.

    Args:
        wanted: names of files without suffix, such as ``hats``; empty for all.
    """
    folder = Path(__file__).resolve().parents[1]
    for module, function, size in DRAWERS:
        if wanted and module not in wanted:
            continue
        for drawn in getattr(importlib.import_module(module), function)(size):
            save(drawn, folder)
            print(drawn.kind, drawn.name, drawn.bgra.shape[1], "x", drawn.bgra.shape[0])


if __name__ == "__main__":
    main(sys.argv[1:])
