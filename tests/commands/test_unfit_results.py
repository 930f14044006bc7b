"""Results that do not fit their photo: the last line and the exit code count them, everywhere."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from m2fp_cli.cli import app
from tests.support.parsed_tree import make_tree

pytestmark = pytest.mark.slow

LOOK = '[everyone]\nhat = ["cap", "beanie"]\n'
COMMANDS = (
    "tryon m2fp-out --hat cap",
    "tryon m2fp-out --hat cap -o made --sheet",
    "tryon m2fp-out --look look.toml --each",
    "colorize m2fp-out",
    "masks m2fp-out",
    "export m2fp-out --to coco",
    "describe m2fp-out",
)
SPOILED = {
    "changed": ("was changed after it was parsed; parse it again first", "stale"),
    "damaged": ("is not valid JSON", "corrupt"),
    "gone": (
        "is not there any more; name the folder it is in now with --photos; if it was deleted, "
        "m2fp status DIR --prune --remove forgets all photos that are gone",
        "vanished",
    ),
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("line", COMMANDS)
def test_they_are_counted_in_the_last_line_and_the_exit_code(tmp_path, monkeypatch, line, how):
    monkeypatch.chdir(tmp_path)
    photos, output = make_tree(tmp_path)
    (tmp_path / "look.toml").write_text(LOOK)
    if how == "changed":
        (photos / "a.png").write_bytes((photos / "sub" / "b.png").read_bytes())
    elif how == "damaged":
        (output / "results" / "a.json").write_text("{")
    else:
        (photos / "a.png").unlink()
    said, reason = SPOILED[how]
    for _ in range(2):  # also when it is known already
        answer = CliRunner().invoke(app, [*line.split(), "--workers", "1", "--json"])
        counts = json.loads(answer.stdout)
        assert answer.exit_code == counts["exit_code"] == 3
        assert counts["failed"] == 1
        assert f", 1 failed (1 {reason})" in answer.stderr
    assert said in counts["photos"][-1]["message"] + answer.stderr
