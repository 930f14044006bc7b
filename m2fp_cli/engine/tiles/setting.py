"""What ``--tiles`` may be; loads nothing heavy, for the command line."""

from __future__ import annotations

from m2fp_cli.errors import UsageError

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
    number = int(tiles) if str(tiles).isascii() and str(tiles).isdigit() else 0
    if FEWEST <= number <= MOST:
        return number
    raise UsageError(f"tiles must be auto, off or a number from {FEWEST} to {MOST}, not {tiles}")
