"""What the parent and a worker process say to each other over their pipe; all of it small."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.stamps import Stamp


class Stage(Enum):
    """Where a photo is inside a worker process."""

    SENT = "sent"
    LOAD = "load"
    LOADED = "loaded"
    COMPUTE = "compute"
    COMPUTED = "computed"
    SAVE = "save"

    @property
    def is_active(self) -> bool:
        """Whether code works on the photo now, and so may hang or crash over it."""
        return self in (Stage.LOAD, Stage.COMPUTE, Stage.SAVE)

    @property
    def is_ahead(self) -> bool:
        """Whether the photo still waits for the main stage."""
        return self in (Stage.SENT, Stage.LOAD, Stage.LOADED)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Parent to worker: do this photo, an ``ImageTask`` in a batch."""

    ticket: int
    task: Any


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker to parent: the model is loaded."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Worker to parent: a photo enters a stage. Sent before the stage begins."""

    ticket: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class Finished:
    """Worker to parent: a photo has ended.

    Attributes:
        ticket: as in its ``Assignment``.
        report: how it ended.
        stamp: the files it was made from.
        resident_bytes: memory of the process now.
    """

    ticket: int
    report: ImageReport
    stamp: Stamp
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Worker to parent: the run cannot go on, or this process cannot start; it ends now.

    Attributes:
        error: an ``M2fpError``.
        booting: it happened while the worker was built.
    """

    error: Exception
    booting: bool


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Worker to parent: time has passed that no photo is to blame for; see ``delays``."""

    seconds: float
    why: str


FromWorker = Ready | Moved | Finished | GaveUp | HeldUp
