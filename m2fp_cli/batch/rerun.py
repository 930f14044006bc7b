"""Which photos of an earlier run are worked on again; a module of its own because help shows it."""

from __future__ import annotations

from enum import Enum


class Rerun(str, Enum):
    """Which photos of an earlier run are worked on again; new ones always are.

    CHANGED: the photo, the settings or the weights changed, or results are missing.
    MISSING: results are missing.
    FAILED: as CHANGED, and all that failed before.
    ALL: all.
    NEVER: none.
    """

    CHANGED = "changed"
    MISSING = "missing"
    FAILED = "failed"
    ALL = "all"
    NEVER = "never"
