"""``--cluster``: has the workers of a run on the machines of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from m2fp_cli.batch.executor import PhotoPool, PoolOrder
from m2fp_cli.cluster.pool import ClusterPool
from m2fp_cli.cluster.ray_calls import RayCluster, check_cluster
from m2fp_cli.terminal import counted


@dataclass(frozen=True)
class RayExecutor:
    """Makes pools of a cluster; see ``batch.executor.Executor``.

    Attributes:
        address: ``ray://HOST:PORT``, ``auto`` or ``local``.
    """

    address: str
    works_here: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: the address is none.
            EngineError: the extra is not installed.
        """
        check_cluster(self.address)

    def open_pool(self, order: PoolOrder) -> tuple[PhotoPool, str]:
        """Connect; see ``Executor``."""
        cluster = RayCluster(self.address)
        pool = ClusterPool(cluster, order)
        threads = counted(pool.threads, "thread")
        room = cluster.room(pool.threads, pool.memory_bytes)
        wanted = f"{order.workers} asked for, " if order.workers else ""
        line = f"cluster {self.address}: {wanted}room for {room} x {threads}"
        return pool, line
