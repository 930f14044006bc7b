from __future__ import annotations

from pathlib import Path

import pytest

from m2fp_cli.batch.shard import Shard, parse_shard
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure
from m2fp_cli.errors import UsageError


def shards(count: int) -> list[Shard]:
    return [Shard(number, count) for number in range(1, count + 1)]


def test_every_photo_belongs_to_exactly_one_shard_and_shares_are_fair():
    tasks = tuple(ImageTask(f"/p/{n}.jpg", f"{n}\udcff") for n in range(4000))
    failures = (ScanFailure(Path("/p/locked"), "unreadable", "may not be read"),)
    parts = [shard.of(Scan(tasks, failures)) for shard in shards(4)]
    assert sorted(task.key for part in parts for task in part.tasks) == sorted(
        task.key for task in tasks
    )
    assert sum(len(part.failures) for part in parts) == 1
    assert all(900 < len(part.tasks) < 1100 for part in parts)


def test_membership_never_changes():
    """Another release must not move photos between shards: their manifests would disagree."""
    found = [next(s.number for s in shards(8) if s.holds(key)) for key in ("a", "b", "sub/c", "é")]
    assert found == [8, 6, 7, 8]


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "8"}, Shard(1, 8)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "7",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "3",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            Shard(3, 3),
        ),
        ({"JOB_COMPLETION_INDEX": "3", "M2FP_SHARDS": "4"}, Shard(4, 4)),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "0", "M2FP_SHARDS": "2"}, Shard(1, 2)),
    ],
    ids=["slurm", "slurm-range", "kubernetes", "aws"],
)
def test_auto_reads_the_schedulers_variables(environment, shard):
    assert parse_shard("auto", environment) == shard


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("auto", {}),
        ("auto", {"JOB_COMPLETION_INDEX": "3"}),
        ("auto", {"JOB_COMPLETION_INDEX": "4", "M2FP_SHARDS": "4"}),
        ("auto", {"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"}),
        ("0/4", {}),
        ("5/4", {}),
        ("1/0", {}),
        ("1", {}),
        ("a/b", {}),
        ("-1/2", {}),
    ],
)
def test_what_makes_no_sense_is_refused(text, environment):
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text, environment)
