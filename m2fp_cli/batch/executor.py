"""Who runs the worker processes of a run: this machine, or what ``RunOptions.executor`` names.

``batch.run`` does everything else: lock, resume, manifest, progress.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.pool import Pool
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.resources import look_at_machine, plan_pool
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.tree import OutputTree


@dataclass(frozen=True)
class PoolOrder:
    """What a pool is made for; the fields are those of ``Pool`` and ``RunOptions``.

    Attributes:
        job: the work.
        photos: number of photos the run is about, done ones included.
        workers: number of workers a person asked for; None chooses.
        threads: cores of each that a person asked for; None chooses.
        limits: what to put up with.
        switch: ends the run early.
        note: told in a sentence what happened to workers.
        tree: the output, or what stands for it on this machine.
        remote: stores that photos, results or output are in; None if all is on disks.
        say: told in a sentence what all wait for; None tells ``note``.
    """

    job: Job
    photos: int
    workers: int | None
    threads: int | None
    limits: PoolLimits
    switch: StopSwitch
    note: Callable[[str], None]
    tree: OutputTree
    remote: Remote | None = None
    say: Callable[[str], None] | None = None


class PhotoPool(Protocol):
    """Photos in, exactly one outcome for each of them out; see ``Pool.run``."""

    killed: bool
    unsettled: set[str]

    def run(self, tasks: Iterable[ImageTask | None]) -> Generator[Outcome | None, None, None]:
        """Work on photos, see ``Pool.run``."""


class Executor(Protocol):
    """Makes pools.

    Attributes:
        works_here: its workers are processes of this machine, which brings them photos of stores.
    """

    works_here: ClassVar[bool]

    def open_pool(self, order: PoolOrder) -> tuple[PhotoPool, str]:
        """A pool, and its shape in a line for a person.

        Raises:
            M2fpError: there is nobody to run it.
        """


class LocalExecutor:
    """This machine."""

    works_here: ClassVar[bool] = True

    def open_pool(self, order: PoolOrder) -> tuple[PhotoPool, str]:
        """A pool of worker processes of this one; see ``Executor``."""
        plan = plan_pool(
            look_at_machine(),
            order.photos,
            order.job.memory_bytes(),
            workers=order.workers,
            threads=order.threads,
        )
        told = order.note, order.tree, order.say
        pool = Pool(order.job, plan, order.limits, order.switch, *told)
        return pool, plan.line()
