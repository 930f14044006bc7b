"""How large a photo may be; light to import, for defaults of options."""

from __future__ import annotations

MAX_PIXELS = 250_000_000
"""Default limit of width times height. Phones make photos of 200 megapixels (16320 x 12240); other
tools take 50 (imgproxy) to 268 (sharp)."""

MAX_ASPECT = 1000
"""Largest ratio of the longest side to the shortest. The network sees at most 1333 pixels on the
longest side, so that beyond this about one pixel is left of the shortest."""

REDUCED_ABOVE = 50_000_000
"""Pixels above which a photo is reduced while it is decoded, for a caller that needs few."""
