"""Refusals of a photo that a setting can lift: who has the setting catches them and names it."""

from __future__ import annotations

from m2fp_cli.errors import ImageError


class MissingRowsError(ImageError):
    """The last rows of a JPEG are missing, and ``allow_truncated`` is off."""


class TooManyPixelsError(ImageError):
    """A picture has more pixels than ``max_pixels``."""
