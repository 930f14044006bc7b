"""What oneDNN keeps is bounded in a program that uses the parser, as in worker processes."""

import os
import subprocess
import sys

import pytest

from m2fp_cli.batch.processes import PRIMITIVE_CACHES, worker_environment

PROGRAM = """
import os
from m2fp_cli import HumanParser
HumanParser("starter", threads=1)
print(*(os.environ[name] for name in {names!r}))
"""


@pytest.mark.parametrize("given", [{}, {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "99"}], ids=str)
def test_a_parser_bounds_what_the_user_has_not(given):
    environment = {k: v for k, v in os.environ.items() if k not in PRIMITIVE_CACHES} | given
    command = [sys.executable, "-c", PROGRAM.format(names=list(PRIMITIVE_CACHES))]
    said = subprocess.check_output(command, env=environment, text=True)
    assert said.split() == list((PRIMITIVE_CACHES | given).values())


def test_workers_have_the_same_bounds(monkeypatch):
    for name in PRIMITIVE_CACHES:
        monkeypatch.delenv(name, raising=False)
    with worker_environment(1):
        assert {name: os.environ[name] for name in PRIMITIVE_CACHES} == PRIMITIVE_CACHES
