"""Folders of empty photos, and what a scan finds in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.tasks import Scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.storage.tree import OutputTree


def touch(root: Path, names: Iterable[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_down(output: Path, *files: str, key: str = "a") -> None:
    """Let a manifest say that a run wrote some files."""
    with OutputTree(output) as tree:
        writer = ManifestWriter(tree, manifest_name("parse"))
        writer.add(ImageReport("/x/a.jpg", key, Status.DONE, files=files), (), "")
        writer.close()


def scan(*inputs: Path, recursive: bool = True, output: Path | None = None) -> Scan:
    rules = ScanRules(recursive=recursive)
    return find_images(inputs, output=output or inputs[0] / "m2fp-out", rules=rules)


def keys(*inputs: Path, recursive: bool = True, output: Path | None = None) -> list[str]:
    return [task.key for task in scan(*inputs, recursive=recursive, output=output).tasks]
