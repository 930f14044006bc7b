"""One actor of a cluster as the parent of the run sees it, and photos that were lost with one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError

SLICE = 64
"""Most keys of one call; a station never has more than one and a half of that at hand."""
_LEAST_SLICE = 2  # one is worked on while the other is read


@dataclass(eq=False)
class Member:
    """One actor.

    Attributes:
        actor: the library's object.
        call: its call in flight; None if it has none.
        is_ready: it has greeted since it was started last.
        node: the cluster's id of its machine; empty until it has greeted.
        host: name of that machine.
        held: photos at hand, by key.
        is_retry: the only photo at hand is tried a second time, alone.
        begin_after: monotonic time before which it is not asked to begin again.
    """

    actor: Any
    call: Any = None
    is_ready: bool = False
    node: str = ""
    host: str = ""
    held: dict[str, ImageTask] = field(default_factory=dict)
    is_retry: bool = False
    begin_after: float = 0.0

    @property
    def is_free(self) -> bool:
        """Whether it has nothing to do and could have."""
        return self.is_ready and self.call is None and not self.held

    def give(self, tasks: Sequence[ImageTask], *, is_retry: bool) -> None:
        """Note that it has photos at hand."""
        self.held.update((task.key, task) for task in tasks)
        self.is_retry = is_retry


@dataclass(frozen=True, eq=False)
class Lost:
    """Photos whose actor died; whether they may be to blame is not known at once.

    Attributes:
        member: the actor.
        node: where it was.
        tasks: the photos.
        is_retry: it was one, and tried a second time.
        error: what happened.
        since: monotonic time of that.
    """

    member: Member
    node: str
    tasks: tuple[ImageTask, ...]
    is_retry: bool
    error: ImageError
    since: float = field(default_factory=time.monotonic)


def slice_size(waiting: int, members: int) -> int:
    """Number of keys for the next call: smaller ones at the end, so that all end together.

    Args:
        waiting: photos that wait.
        members: actors that share them.
    """
    return min(SLICE, max(_LEAST_SLICE, waiting // (2 * max(1, members))))
