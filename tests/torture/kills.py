"""A run whose processes are killed again and again: workers, the fork server, the helper, itself.

Whoever is killed, no photo is lost, no file is half written, nothing is left running, and in the
end the output is the one of a run that nobody disturbed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.torture.photos import inspect_output, results_of, write_photos
from tests.torture.setting import Answer, Setting

_PHOTOS = 60
_KILLS = 40
_SECONDS_TO_VANISH = 20.0
_AT_THE_START = 0.05  # share of the moments before there are workers in which one strikes
_WEIGHTS = {"worker": 6, "fork server": 2, "helper": 1, "run": 1}


def run(setting: Setting) -> None:
    """Kill until it is enough, then compare."""
    photos, output, quiet = (setting.folder / name for name in ("photos", "out", "quiet"))
    write_photos(photos, _PHOTOS)
    answer = setting.run("parse", photos, "-r", "-o", quiet, "-q", "--workers", "2")
    setting.expect(answer.code == 0, f"the quiet run ends with {answer.code}: {answer.err!r}")
    rng, kills, starts = setting.random("kills"), Counter[str](), 0
    while sum(kills.values()) < setting.count(_KILLS):
        starts += 1
        words = ("parse", photos, "-r", "-o", output, "-q", "--workers", "2", "--rerun", "failed")
        process = setting.start(*words)
        _storm(setting, process, kills, rng)
        for path in rng.sample(sorted(output.rglob("*.png")), k=min(20, _png_count(output))):
            path.unlink()  # or the runs would soon have nothing to do
    for _ in range(2):  # what was quarantined gets its chance
        answer = setting.run("parse", photos, "-r", "-o", output, "-q", "--rerun", "failed")
    setting.expect(answer.code == 0, f"the last run ends with {answer.code}: {answer.err[-300:]!r}")
    whole = inspect_output(setting, output, "after the storm")
    setting.expect(whole == _PHOTOS, f"{whole} results of {_PHOTOS} photos")
    setting.expect(results_of(output) == results_of(quiet), "the storm changed results")
    setting.figures += [f"{number} x {kind} killed" for kind, number in kills.items()]
    setting.figures.append(f"{starts} starts, {_PHOTOS} photos, results equal to the quiet run's")


def _storm(
    setting: Setting, process: subprocess.Popen[str], kills: Counter[str], rng: random.Random
) -> None:
    """Kill processes of one run until it ends or enough were killed."""
    while process.poll() is None and sum(kills.values()) < setting.count(_KILLS):
        time.sleep(rng.uniform(0.1, 1.5))
        kinds = family_of(process.pid)
        if not kinds.get("worker") and rng.random() > _AT_THE_START:
            continue
        kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if not kinds.get(kind):
            continue
        try:
            os.kill(rng.choice(kinds[kind]), signal.SIGKILL)
        except ProcessLookupError:
            continue
        kills[kind] += 1
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        setting.findings.append("a run hangs after kills")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return
    codes = (0, 1, 3, -signal.SIGKILL)
    setting.expect(process.returncode in codes, f"ends with {process.returncode}: {err[-300:]!r}")
    if process.returncode == 1:
        setting.expect("worker processes" in err, f"exit 1 without a reason: {err[-300:]!r}")
    if process.returncode >= 0:
        setting.inspect(Answer(process.returncode, out, err, 0.0), "a run under kills")
    until = time.monotonic() + _SECONDS_TO_VANISH
    while (left := family_of(process.pid)) and time.monotonic() < until:
        time.sleep(0.1)
    setting.expect(not left, f"still running after the end: {left}")


def family_of(session: int) -> dict[str, list[int]]:
    """Processes of a run by what they are; a run starts a session of its own."""
    parents, commands = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == session:
            parents[int(folder.name)], commands[int(folder.name)] = int(fields[1]), command
    kinds: dict[str, list[int]] = {}
    for pid in parents:
        kind = "worker"
        if pid == session:
            kind = "run"
        elif b"resource_tracker" in commands[pid]:
            kind = "helper"
        elif parents[pid] == session and b"forkserver" in commands[pid]:
            kind = "fork server"
        kinds.setdefault(kind, []).append(pid)
    return kinds


def _png_count(output: Path) -> int:
    return len(list(output.rglob("*.png")))
