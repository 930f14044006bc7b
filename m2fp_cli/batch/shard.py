"""Sharing photos out between machines.

Of folders, each machine takes the photos whose hash says so. Membership depends on the place of a
photo's results alone: photos that are added later do not move the others. Every process scans the
whole input, so keys are those of an unsharded run.

Of a list, see ``listing``, each takes a slice: photos that stand together. No process looks at the
whole list.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from m2fp_cli.batch.tasks import Scan
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_whole
from m2fp_cli.storage.spool import Spool

SHARDS_VARIABLE = "M2FP_SHARDS"
_MOST_SHARDS = 999_999_999  # what ``shard_of_suffix`` takes apart


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``.

    Attributes:
        number: from 1.
        count: number of parts.
        listing: identity of the list that this is a slice of; empty where photos are shared out by
            their hash.
    """

    number: int
    count: int
    listing: str = ""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            UsageError: they make no sense.
        """
        if not 1 <= self.number <= self.count:
            raise UsageError(f"--shard {self.number}/{self.count}: K must lie in 1..N")

    @property
    def suffix(self) -> str:
        """What the shard's own files in ``.m2fp`` carry in their names."""
        listing = f"-{self.listing}" if self.listing else ""
        return f"-{self.number}of{self.count}{listing}"

    def holds(self, place: str) -> bool:
        """Whether a key, or any other text that names an input, belongs to this shard."""
        encoded = os.fsencode(place)
        digest = hashlib.blake2b(encoded, digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def of(self, scan: Scan) -> Scan:
        """The part of a scan that belongs to this shard; a slice is cut when its list is read."""
        if self.listing:
            return scan
        return replace(
            scan,
            tasks=Spool(task for task in scan.tasks if self.holds(task.key)),
            failures=tuple(one for one in scan.failures if self.holds(str(one.source))),
        )


def shard_of_suffix(suffix: str) -> Shard | None:
    """The shard whose files in ``.m2fp`` carry a suffix; None if no shard's do."""
    found = re.fullmatch(r"-([1-9]\d{0,8})of([1-9]\d{0,8})(?:-([0-9a-f]{12}))?", suffix)
    if found is None or int(found[1]) > int(found[2]):
        return None
    return Shard(int(found[1]), int(found[2]), found[3] or "")


def parse_shard(text: str, environment: Mapping[str, str] | None = None) -> Shard:
    """A shard from ``K/N`` or, for ``auto``, from the variables of a cluster's scheduler.

    ``auto`` knows Slurm arrays (``SLURM_ARRAY_TASK_ID``, ``_MIN``, ``_STEP``, ``_COUNT``),
    Kubernetes' indexed jobs (``JOB_COMPLETION_INDEX``) and AWS Batch arrays
    (``AWS_BATCH_JOB_ARRAY_INDEX``); the last two take the number of shards from ``M2FP_SHARDS``.

    Raises:
        UsageError: the text is neither, or the variables are not there.
    """
    if text == "auto":
        return _from_scheduler(os.environ if environment is None else environment)
    first, _, second = text.partition("/")
    number, count = read_whole(first, _MOST_SHARDS), read_whole(second, _MOST_SHARDS)
    if number is None or count is None:
        raise UsageError(f"--shard takes K/N (as 2/8) or auto, got {text[:40]!r}")
    return Shard(number, count)


def _from_scheduler(environment: Mapping[str, str]) -> Shard:
    if "SLURM_ARRAY_TASK_ID" in environment:
        first = _number(environment, "SLURM_ARRAY_TASK_MIN", 0)
        step = _number(environment, "SLURM_ARRAY_TASK_STEP", 1)
        index = (_number(environment, "SLURM_ARRAY_TASK_ID") - first) // max(1, step)
        return Shard(index + 1, _number(environment, "SLURM_ARRAY_TASK_COUNT"))
    for variable in ("JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"):
        if variable in environment:
            count = _number(environment, SHARDS_VARIABLE)
            return Shard(_number(environment, variable) + 1, count)
    raise UsageError(
        "--shard auto found no variables of Slurm, Kubernetes or AWS Batch; give K/N instead"
    )


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "")
    number = read_whole(text, _MOST_SHARDS)
    if number is not None:
        return number
    if default is not None and not text:
        return default
    raise UsageError(f"--shard auto needs a number in the variable {name}, got {text[:40]!r}")
