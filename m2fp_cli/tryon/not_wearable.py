"""Why a garment is not put on somebody."""

from __future__ import annotations


class NotWearable(Exception):
    """A person on whom a garment would not look right; the message says why, in words."""
