"""Streams that are closed or full, a folder that is gone: one line, an honest exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import m2fp_cli
from m2fp_cli.errors import ExitCode
from tests.support.parsed_tree import make_tree

M2FP = f"'{sys.executable}' -m m2fp_cli"
COMMANDS = ("status", "status --json", "scan photos", "labels", "--version")


def run(here, line):
    env = os.environ | {"PYTHONPATH": str(Path(m2fp_cli.__file__).parent.parent)}
    words = ["sh", "-c", line]
    return subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    make_tree(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("stream", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_data_that_cannot_be_written_is_an_error(here, command, stream, why):
    done = run(here, f"{M2FP} {command} {stream}")
    assert done.stderr == f"m2fp: cannot write to standard output: {why}\n"
    assert done.returncode == ExitCode.CANNOT_WRITE


@pytest.mark.parametrize("stream", ["2>/dev/full", "2>&-", "2>&- <&-"])
def test_nobody_has_to_read_along(here, stream):
    done = run(here, f"{M2FP} colorize --workers 1 --json {stream}")
    assert '"total": 2' in done.stdout
    assert done.returncode == ExitCode.OK


def test_a_list_from_a_closed_standard_input_is_empty(here):
    done = run(here, f"{M2FP} parse --files-from - -o out --model starter <&-")
    assert done.stderr == "m2fp: the list - is empty\n"
    assert done.returncode == ExitCode.NO_INPUT


def test_a_reader_that_has_seen_enough_is_no_error_to_tell_of(here):
    for command in ("status", "status --json", "labels"):
        done = run(here, f"({M2FP} {command}; echo $? >&2) | true")
        assert done.stderr == f"{int(ExitCode.CANNOT_WRITE)}\n"


def test_a_folder_that_is_gone_is_told_of(here):
    away = "mkdir gone && cd gone && rmdir ../gone"
    masks = f"masks --workers 1 --rerun all -q '{here}/m2fp-out'"  # needs a worker process
    for command in ("scan photos", masks):
        done = run(here, f"{away} && {M2FP} {command}")
        assert done.stderr.startswith("m2fp: the folder that you are in was removed; go to another")
        assert done.returncode == ExitCode.NO_INPUT
    assert run(here, f"{away} && {M2FP} status '{here}/m2fp-out'").returncode == ExitCode.OK


def test_a_machine_without_a_temporary_folder_is_told_of(here):
    code = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc']; "
        "from m2fp_cli.cli import main; main()"
    )
    m2fp = f"'{sys.executable}' -c \"{code}\""
    listed = f"echo a.jpg | {m2fp} parse --files-from - -o out --model starter"
    for line in (listed, f"{m2fp} colorize --rerun all -q"):
        done = run(here, line)
        assert done.stderr.startswith("m2fp: no folder for temporary files can be written: /tmp is")
        assert done.returncode == ExitCode.CANNOT_WRITE
