from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

import pytest

from m2fp_cli.storage.temporaries import sweep_temporaries
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group
from tests.support.hostile_folders import make_self_symlink
from tests.support.outputs import names_in


def test_a_killed_writer_leaves_only_what_the_sweep_removes(tree: OutputTree) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from m2fp_cli.storage.tree import OutputTree;"
        "from m2fp_cli.storage.writing import write_group;"
        "os.fsync = lambda _: os.kill(os.getpid(), 9);"
        "write_group(OutputTree(Path(sys.argv[1])), [('sub/x', b'data')])"
    )
    subprocess.run([sys.executable, "-c", code, tree.path], check=False)
    assert len(names_in(tree.path)) == 1
    assert sweep_temporaries(tree, ["sub"]) == 1
    assert names_in(tree.path) == []


def test_the_sweep_takes_nothing_else(tree: OutputTree) -> None:
    folder = tree.path / "labels"
    folder.mkdir()
    kept = [".m2fp-1234567.tmp", ".m2fp-12345678.tmp.png", "m2fp-12345678.tmp", "x.png"]
    for name in [*kept, ".m2fp-12345678.tmp"]:
        (folder / name).touch()
    (folder / ".m2fp-aaaaaaaa.tmp").mkdir()
    make_self_symlink(folder)
    assert sweep_temporaries(tree, ["labels", "missing"]) == 1
    assert names_in(tree.path) == sorted(kept)


def test_the_sweep_spares_the_young_when_asked(tree: OutputTree) -> None:
    folder = tree.path / "labels"
    folder.mkdir()
    old, young = folder / ".m2fp-00000001.tmp", folder / ".m2fp-00000002.tmp"
    old.touch()
    young.touch()
    os.utime(old, (0, time.time() - 4000))
    assert sweep_temporaries(tree, ["labels"], older_than_seconds=3600) == 1
    assert names_in(tree.path) == [young.name]
    os.utime(young, (0, time.time() + 4000))  # the clock was set back since
    assert sweep_temporaries(tree, ["labels"]) == 1


def test_an_occupied_temporary_name_is_not_touched(
    tree: OutputTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter(["00000000", "00000000", "00000001"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(draws))
    (tree.path / ".m2fp-00000000.tmp").write_bytes(b"of another run")
    write_group(tree, [("x", b"data")])
    assert (tree.path / "x").read_bytes() == b"data"
    assert (tree.path / ".m2fp-00000000.tmp").read_bytes() == b"of another run"
