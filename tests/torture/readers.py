"""Every reader of data that strangers made, fed with damaged and hostile data by hypothesis.

Each reader works in a process of its own under a limit of memory. Only the errors that it promises
may come out, with text that a terminal can show, in bounded time.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.torture.reader_targets import READERS
from tests.torture.setting import ROOT, Setting

_EXAMPLES = 200
_SECONDS = 900.0


def run(setting: Setting) -> None:
    """Feed every reader."""
    examples = peak = 0
    for name in READERS:
        (setting.folder / name).mkdir()
        done, grown = _feed(setting, name)
        examples, peak = examples + done, max(peak, grown)
    setting.figures += [f"{len(READERS)} readers", f"{examples:,} examples"]
    setting.figures.append(f"memory grew by {peak / 2**20:.0f} MB at most")


def _feed(setting: Setting, name: str) -> tuple[int, int]:
    """Feed one reader; number of examples, and bytes by which its process grew."""
    order = {
        "name": name,
        "folder": str(setting.folder / name),
        "model": str(setting.model),
        "seed": setting.seed,
        "examples": setting.count(_EXAMPLES),
    }
    command = [sys.executable, "-m", "tests.torture.reader_process", json.dumps(order)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=setting.environment(),
            capture_output=True,
            text=True,
            timeout=_SECONDS * max(1.0, setting.effort),
            check=False,
        )
    except subprocess.TimeoutExpired:
        setting.findings.append(f"{name}: the reader hangs")
        return 0, 0
    try:
        report = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        text = (done.stdout + done.stderr)[-600:]
        setting.findings.append(f"{name}: the process ended with {done.returncode}: {text!r}")
        return 0, 0
    setting.findings += [f"{name}: {one}" for one in report["findings"]]
    return report["examples"], report["grown"]
