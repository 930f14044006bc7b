"""Runs that end, and those that are killed before their first photo does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.progress import SilentProgress
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.scan import find_images
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.scripted import ScriptedJob


def run(folder: Path, setting: str = "one") -> RunReport:
    scan = find_images([folder / "photos"], output=folder / "out")
    job = ScriptedJob(folder / "out", setting=setting)
    return run_batch(scan, job, RunOptions(workers=1), SilentProgress())


def begin_and_die(
    folder: Path,
    *keys: str,
    name: str = manifest_name("parse"),
    marking: bool = False,
    wrote: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """What a run has written that is killed before its first photo ends."""
    with OutputTree(folder / "out", create=True) as tree:
        writer = ManifestWriter(tree, name, marking=marking)
        writer.start({"setting": "two"}, len(keys), len(keys))
        writer.claim(keys)
        writer.close()
        write_group(tree, list(wrote.items()), None)
