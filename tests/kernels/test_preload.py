from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_numba_is_set_up_and_no_thread_is_started():
    program = (
        "import os, sys; before = set(sys.modules)\n"
        "import m2fp_cli.kernels.preload\n"
        "loaded = set(sys.modules)\n"
        "import numba; numba.njit(lambda x: x + 1)(1)\n"
        "late = {name for name in set(sys.modules) - loaded if name.startswith('scipy')}\n"
        "print('scipy.linalg' in loaded, late, len(os.listdir('/proc/self/task')))"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    said = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    assert said == "True set() 1\n"
