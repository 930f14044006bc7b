"""What the pool of a cluster asks of the library that runs the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class ActorLostError(Exception):
    """An actor, or its machine, has died; what it had at hand is lost.

    Attributes:
        forever: the cluster does not start it again.
        away: it may be starting again, or just not to be reached.
        out_of_memory: it was ended for want of memory.
    """

    def __init__(
        self, text: str, *, forever: bool = False, away: bool = False, out_of_memory: bool = False
    ) -> None:
        """Say why in a sentence."""
        super().__init__(text)
        self.forever, self.away, self.out_of_memory = forever, away, out_of_memory


class Cluster(Protocol):
    """A connection to a cluster; actors and calls are the library's own objects.

    Raises:
        EngineError: from any method, when the connection broke.
    """

    def start(self, cpus: int, memory_bytes: int) -> Any:
        """Ask for an actor, a ``Station``; it comes to be when a machine has room for it."""

    def call(self, actor: Any, method: str, *values: Any) -> Any:
        """Call a method of an actor; returns what ``ended`` and ``take`` know the call by."""

    def ended(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        """Calls among some that have ended; waits for one, at most for that time."""

    def take(self, call: Any) -> Any:
        """What a call that has ended gave back.

        Raises:
            ActorLostError: the actor is gone.
        """

    def living_nodes(self) -> set[str]:
        """Ids of the machines that are in the cluster now."""

    def room(self, cpus: int, memory_bytes: int) -> int:
        """Number of actors that fit into the machines that are in the cluster now."""

    def kill(self, actor: Any) -> None:
        """End an actor at once, for good."""

    def close(self) -> None:
        """Disconnect."""
