"""A cluster in this process: its actors are real stations, and it does as a test tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from m2fp_cli.batch.executor import PoolOrder
from m2fp_cli.cluster.calls import ActorLostError
from m2fp_cli.cluster.pool import ClusterPool
from m2fp_cli.cluster.station import Station

Fault = Callable[["FakeCluster", str, tuple[Any, ...]], "ActorLostError | None"]


@dataclass(eq=False)
class FakeActor:
    node: str
    station: Station


@dataclass(eq=False)
class FakeCall:
    actor: FakeActor
    method: str
    values: tuple[Any, ...]


@dataclass
class FakeCluster:
    """Calls run when they are waited for; ``fault`` may have the actor die over one."""

    fault: Fault = lambda *_: None
    places: int = 2
    nodes: set[str] = field(default_factory=lambda: {"a"})
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    actors: list[FakeActor] = field(default_factory=list)
    killed: int = 0

    def start(self, cpus: int, memory_bytes: int) -> FakeActor:
        node = max(self.nodes)
        self.actors.append(FakeActor(node, Station(node)))
        return self.actors[-1]

    def call(self, actor: FakeActor, method: str, *values: Any) -> FakeCall:
        self.calls.append((method, values))
        return FakeCall(actor, method, values)

    def ended(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        return list(calls)

    def take(self, call: FakeCall) -> Any:
        actor, method, values = call.actor, call.method, call.values
        answer = getattr(actor.station, method)(*values)
        error = self.fault(self, method, values)
        if error is not None:
            actor.node = max(self.nodes)
            actor.station.end()
            actor.station = Station(actor.node)
            raise error
        return answer

    def living_nodes(self) -> set[str]:
        return self.nodes

    def room(self, cpus: int, memory_bytes: int) -> int:
        return self.places

    def kill(self, actor: FakeActor) -> None:
        self.killed += 1
        actor.station.end()

    def close(self) -> None:
        assert self.killed == len(self.actors)


@dataclass
class FakeExecutor:
    cluster: FakeCluster
    works_here: ClassVar[bool] = False

    def open_pool(self, order: PoolOrder) -> tuple[ClusterPool, str]:
        return ClusterPool(self.cluster, order), "a cluster"


def once(method: str, deed: Callable[[FakeCluster], None] = lambda _: None) -> Fault:
    """The first call of a method ends with the death of its actor."""
    left = [1]

    def fault(cluster: FakeCluster, called: str, _: tuple[Any, ...]) -> ActorLostError | None:
        if called != method or not left:
            return None
        left.pop()
        deed(cluster)
        return ActorLostError("it is gone")

    return fault
