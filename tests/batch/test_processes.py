"""How worker processes and others are started: what they must not run."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from m2fp_cli.batch import processes
from m2fp_cli.batch.worker_process import run_worker
from m2fp_cli.errors import M2fpError
from tests.support.scripted import ScriptedJob, write_photos

ROOT = Path(__file__).parents[2]
SCRIPT = """
import subprocess, sys
from pathlib import Path
from m2fp_cli.batch.processes import python_command
from m2fp_cli.batch.run import iterate_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from tests.support.scripted import ScriptedJob
output = Path(sys.argv[1])
job = ScriptedJob(output)
for report in iterate_batch(find_images([Path(".")], output=output), job, RunOptions()):
    print(report.status.value, flush=True)
subprocess.run(python_command("tests.batch.test_processes", "some", "words"), check=True)
"""


@pytest.mark.slow
def test_python_files_among_the_photos_are_not_run(tmp_path):
    """Python looks for modules in the current folder first where code is given on its command line,
    and with -m."""
    here, script = tmp_path / "photos", tmp_path / "programs" / "run.py"
    write_photos(here, ["ok"])
    for name in ("queue", "socket", "threading", "random", "m2fp_cli", "runpy"):
        (here / f"{name}.py").write_text(f"open('{name}.was_run', 'x')\n")
    script.parent.mkdir()
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, script, tmp_path / "out"], cwd=here, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert not list(here.glob("*.was_run"))
    assert (ended.stdout, ended.stderr) == ("done\nsome words\n", "")


def test_a_fork_server_that_the_kernel_kills_is_told_of_as_such(monkeypatch):
    def die(*_):
        raise EOFError("unexpected EOF")

    kills = count()
    job: Any = SimpleNamespace(preload=())
    monkeypatch.setattr(processes, "_start_once", die)
    monkeypatch.setattr(processes, "count_oom_kills", lambda: next(kills))
    with pytest.raises(M2fpError, match="cannot start: the memory was used up"):
        processes.start_worker(die, job, 1)
    monkeypatch.setattr(processes, "count_oom_kills", lambda: 1)
    with pytest.raises(M2fpError, match="cannot start: EOFError"):
        processes.start_worker(die, job, 1)


def test_a_jobs_own_module_is_imported_once_for_all_its_workers(tmp_path, monkeypatch):
    def die():
        raise EOFError

    asked: list[list[str]] = []
    monkeypatch.setattr(forkserver, "set_forkserver_preload", asked.append)
    monkeypatch.setattr(processes, "_start_server", die)
    with pytest.raises(M2fpError):
        processes.start_worker(run_worker, ScriptedJob(tmp_path, preload=("cv2",)), 1)
    assert asked[0] == ["m2fp_cli.batch.worker_process", "tests.support.scripted", "cv2"]


if __name__ == "__main__":
    print(*sys.argv[1:])
