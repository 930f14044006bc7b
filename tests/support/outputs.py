"""What lies in an output, for tests that look at it from outside."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.batch.history import History, manifest_name, read_history
from m2fp_cli.batch.lock import who_holds
from m2fp_cli.batch.shard import Shard
from m2fp_cli.storage.tree import OutputTree


def history_of(output: Path, job: str = "parse") -> History:
    """What the manifests of a job say."""
    with OutputTree(output) as tree:
        return read_history(tree, job)


def manifest_path(output: Path, job: str, shard: Shard | None = None) -> Path:
    """Where a job's manifest is."""
    return output / manifest_name(job, shard)


def holder_of(output: Path) -> str:
    """Who works on an output now."""
    with OutputTree(output) as tree:
        return who_holds(tree)


def names_in(folder: Path) -> list[str]:
    """Names of all files below a folder, without the folders they are in."""
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())
