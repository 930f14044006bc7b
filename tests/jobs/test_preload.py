"""What the process imports from which the workers of a job are forked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

JOBS = {
    "colorize.ColorizeJob": False,
    "export.ExportJob": False,
    "parse.ParseJob": True,
    "preview.PreviewJob": False,
    "tryon.FittingJob": False,
    "variants.VariantsJob": False,
}
PROGRAM = """
import importlib, os, sys
module, name = sys.argv[1].split(".")
job = getattr(importlib.import_module(f"m2fp_cli.jobs.{module}"), name)
for one in job.__dataclass_fields__["preload"].default:
    importlib.import_module(one)
from PIL import Image
known = {one for one in ("obstore", "torch") if one in sys.modules}
print(len(os.listdir("/proc/self/task")), Image._initialized, *known)
"""


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_no_thread_is_started_and_pillow_knows_its_formats(job):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, job]
    said = subprocess.check_output(command, env=environment, text=True)
    assert said.split() == ["1", "2", *(["torch"] if JOBS[job] else [])]
