"""How a run goes about its work: what a command line asks for, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from m2fp_cli.batch.executor import Executor, LocalExecutor
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.resources import check_counts, look_at_machine
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import require_count, require_one_of, require_seconds, require_truth


@dataclass(frozen=True)
class FailureCap:
    """How many failures end a run early.

    Attributes:
        most: this many are fine, one more is not.
        percent: ``most`` is a percentage of the photos to do.
    """

    most: float
    percent: bool = False

    def is_exceeded(self, failures: int, photos: int) -> bool:
        """Whether a run of so many photos has failed too often."""
        return failures > (self.most * photos / 100 if self.percent else self.most)


def parse_failure_cap(text: str) -> FailureCap:
    """A cap from ``20`` or ``5%``.

    Raises:
        UsageError: the text is neither.
    """
    number = text.removesuffix("%")
    try:
        most = float(number) if text.endswith("%") else int(number)
    except ValueError:
        most = -1
    if not 0 <= most < float("inf"):
        raise UsageError(f"--max-failures takes a number or a percentage (as 5%), got {text!r}")
    return FailureCap(most, percent=text.endswith("%"))


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about its work; nothing here changes what is written.

    Attributes:
        workers: number of processes; None chooses.
        threads: cores of each; None chooses. The one exception: it may change the last bits.
        photo_seconds: time one stage of one photo may take; None chooses.
        rerun: what is done again, a member of ``Rerun`` or its word.
        checksum: photos are compared by their bytes, not by size and time.
        overwrite: files in the output that m2fp did not write for a photo may be replaced.
        shard: the part to do; None for all.
        max_failures: ends the run early; None never does.
        log_file: gets a JSON line per event; None for no log.
        remote: object stores that photos are read from or results go to; None for none.
        executor: who runs the workers.
    """

    workers: int | None = None
    threads: int | None = None
    photo_seconds: float | None = None
    rerun: Rerun | str = Rerun.CHANGED
    checksum: bool = False
    overwrite: bool = False
    shard: Shard | None = None
    max_failures: FailureCap | None = None
    log_file: Path | str | None = None
    remote: Remote | None = None
    executor: Executor = field(default_factory=LocalExecutor)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            TypeError: ``workers``, ``threads`` or ``photo_seconds`` is no number, ``checksum`` or
                ``overwrite`` neither True nor False, or ``shard`` or ``max_failures`` is something
                else.
            ValueError: a number is out of bounds, or ``rerun`` is another word.
        """
        if self.workers is not None:
            require_count(self.workers, "workers")
        if self.threads is not None:
            require_count(self.threads, "threads")
        if self.photo_seconds is not None:
            require_seconds(self.photo_seconds, "photo_seconds")
        require_one_of(self.rerun, tuple(Rerun), "rerun")
        require_truth(self.checksum, "checksum")
        require_truth(self.overwrite, "overwrite")
        for name, kind in (("shard", Shard), ("max_failures", FailureCap)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name} must be {kind.__name__}, got {type(value).__name__}")

    def check_counts(self, job: Job) -> None:
        """Refuse more workers or threads than this machine has room for, before anything is done.

        A cluster is not asked: what it has no room for waits until machines join it.

        Raises:
            UsageError: there are too many.
        """
        if self.executor.works_here:
            machine, each = look_at_machine(), job.memory_bytes()
            check_counts(machine, each, workers=self.workers, threads=self.threads)

    def uses_stores(self, scan: Scan) -> bool:
        """Whether photos, an earlier parse or the output are in an object store."""
        return self.remote is not None and (scan.is_stored or self.remote.is_used)

    def for_scan(self, scan: Scan) -> RunOptions:
        """The same, with the shard as a slice of the scan's list where it is one."""
        if self.shard is None or not scan.listing:
            return self
        return replace(self, shard=replace(self.shard, listing=scan.listing))
