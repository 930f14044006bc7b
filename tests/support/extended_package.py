"""The package with some files added or changed, for another process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import m2fp_cli

PACKAGE = Path(m2fp_cli.__file__).parent


def add_line(file: str, after: str, line: str) -> str:
    """Text of a file of the package with a line after another one."""
    text = (PACKAGE / file).read_text("utf-8")
    assert text.count(f"{after}\n") == 1
    return text.replace(f"{after}\n", f"{after}\n{line}\n")


def run_extended(folder: Path, files: Mapping[str, str], code: str) -> str:
    """What some code prints where the package has other files, by their path in it."""
    _link(PACKAGE, folder / PACKAGE.name, files)
    path = os.pathsep.join((str(folder), str(PACKAGE.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def _link(source: Path, target: Path, files: Mapping[str, str]) -> None:
    """Make a folder like another one: links, but for some files by their path in it."""
    target.mkdir()
    for name in {path.split("/")[0] for path in files} | {path.name for path in source.iterdir()}:
        inside = {
            path[len(name) + 1 :]: files[path] for path in files if path.startswith(f"{name}/")
        }
        if inside:
            _link(source / name, target / name, inside)
        elif name in files:
            (target / name).write_text(files[name], "utf-8")
        else:
            (target / name).symlink_to(source / name)
