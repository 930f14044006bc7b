"""Signals to the command line while no run listens to them: no traceback, an honest end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest

from m2fp_cli import cli
from m2fp_cli.errors import ExitCode

IMPORTED_BY_NOW = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "m2fp_cli.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
runpy.run_module("m2fp_cli", run_name="__main__")
"""
TWICE = """
import os, signal, sys
from m2fp_cli import cli

number = int(sys.argv[1])
cli.app = lambda **_: os.kill(os.getpid(), number)
cli.warn = lambda _: os.kill(os.getpid(), number)
cli.main()
"""


CLOSED_TERMINAL = """
import os, signal, sys, tempfile
from m2fp_cli import cli

def work(**_):
    with tempfile.TemporaryDirectory(dir=sys.argv[1]):
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)  # the shell's, after the kernel's

cli.app = work
cli.main()
"""


def heed_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def run(code, *words):
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=heed_signals
    )


def test_ctrl_c_while_the_command_line_is_imported_ends_it_without_a_word():
    done = run(IMPORTED_BY_NOW)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_second_signal_on_the_way_out_shows_no_traceback(number):
    done = run(TWICE, str(int(number)))
    assert done.returncode == -number
    assert done.stderr == ""


def test_a_closed_terminal_leaves_no_temporary_files(tmp_path):
    done = run(CLOSED_TERMINAL, str(tmp_path))
    assert (done.returncode, done.stderr) == (ExitCode.TERMINATED, "m2fp: terminated\n")
    assert not [*tmp_path.iterdir()]
    nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    assert run(nohup + CLOSED_TERMINAL, str(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")],
)
def test_memory_that_is_used_up_is_one_line(monkeypatch, capsys, error):
    monkeypatch.setattr(cli, "app", Mock(side_effect=error))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    line = "m2fp: the memory was used up; free some, or use a machine with more, and run again\n"
    assert (ended.value.code, capsys.readouterr().err) == (ExitCode.INTERNAL, line)


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "app", Mock(side_effect=RuntimeError("ours")))
    with pytest.raises(RuntimeError, match="ours"):
        cli.main()


def test_names_are_the_same_under_every_locale(tmp_path):
    """LC_ALL=C without what Python makes of it by itself, UTF-8, stands for a Latin-1 locale."""
    (tmp_path / "ü.jpg").touch()
    other = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "m2fp_cli", "scan", str(tmp_path)]
    listed = subprocess.check_output(command, env=os.environ | other)
    assert json.loads(listed)["key"] == "ü"


@pytest.mark.parametrize("option", ["--install-completion", "--install-completion=zsh"])
def test_a_start_file_of_the_shell_that_cannot_be_written_is_named(tmp_path, option):
    home = tmp_path / "home"
    home.touch()  # in the place of a folder: no user, not even root, can write there
    command = [sys.executable, "-m", "m2fp_cli", option]
    done = subprocess.run(
        ["bash", "-c", '"$@"; exit $?', "bash", *command],
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.CANNOT_WRITE
    assert done.stderr.startswith(f"m2fp: {home} cannot be written (")
    assert done.stderr.endswith("where your shell reads it\n")
