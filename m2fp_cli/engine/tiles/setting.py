"""What ``--tiles`` may be; loads nothing heavy, for the command line."""

from __future__ import annotations

from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_whole

Tiles = int | str  # a number of tiles along the shorter side, or one of WORDS
WORDS = ("auto", "off")
FEWEST, MOST = 2, 16  # along the shorter side; sixteen are 200 passes and more


def check_tiles(tiles: Tiles) -> Tiles:
    """``auto``, ``off``, or a number, as it is or as text.

    Raises:
        UsageError: it is none of these.
    """
    if tiles in WORDS:
        return tiles
    number = read_whole(str(tiles), MOST)
    if number is not None and number >= FEWEST:
        return number
    shown = str(tiles)[:40]
    raise UsageError(f"tiles must be auto, off or a number from {FEWEST} to {MOST}, not {shown}")
