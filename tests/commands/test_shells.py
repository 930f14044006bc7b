"""Completion for a shell that is named."""

import os
import subprocess
import sys

import pytest

from m2fp_cli.commands.shells import SHELLS
from m2fp_cli.errors import ExitCode


def run(home, *words, **variables):
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'm2fp'\n" + MAIN, *words]
    environment = os.environ | {"HOME": str(home)} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


MAIN = "from m2fp_cli.__main__ import main\nmain()"


@pytest.mark.parametrize("words", [["--install-completion", "zsh"], ["--install-completion=zsh"]])
def test_completion_is_installed_for_the_shell_that_is_named(tmp_path, words):
    done = run(tmp_path, *words)
    assert done.returncode == ExitCode.OK
    assert (tmp_path / ".zfunc/_m2fp").read_text().startswith("#compdef m2fp")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".zfunc", ".zshrc"]


def test_completion_is_shown_for_the_shell_that_is_named(tmp_path):
    done = run(tmp_path, "--show-completion", "fish")
    assert done.stdout.startswith("complete --command m2fp ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["tcsh"], ["zsh", "parse"]])
def test_what_names_no_shell_is_refused_and_nothing_is_installed(tmp_path, words):
    done = run(tmp_path, "--install-completion", *words)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("m2fp: --install-completion takes one of bash, zsh, fish,")
    assert not list(tmp_path.iterdir())


def test_completing_the_line_says_and_installs_nothing(tmp_path):
    words = {"COMP_WORDS": "m2fp --install-completion tcsh ", "COMP_CWORD": "3"}
    done = run(tmp_path, **words, _M2FP_COMPLETE="complete_bash")
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_the_shells_are_typers_own():
    from typer._completion_shared import Shells

    assert list(SHELLS) == [shell.value for shell in Shells]
