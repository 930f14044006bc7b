"""What the shell completes after an option."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from m2fp_cli.cli import app


def complete(line: str) -> list[str]:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    environment = {"_M2FP_COMPLETE": "complete_bash", **words}
    return CliRunner().invoke(app, [], prog_name="m2fp", env=environment).stdout.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("m2fp tryon --hat fe", ["fedora"]),
        ("m2fp tryon --hair bl", ["black", "blond", "blue"]),
        ("m2fp tryon --bottom d", ["denim", "dotted"]),
        ("m2fp tryon --top /srv/sh", []),  # then the shell completes files
        ("m2fp parse --model st", ["starter"]),
        ("m2fp labels -m ", ["m2fp", "m2fp-single", "starter"]),
        ("m2fp models path st", ["starter"]),
        ("m2fp models export m", ["m2fp", "m2fp-single"]),
        ("m2fp accessories show be", ["beanie"]),
        ("m2fp accessories check my.png --kind ha", ["hat", "hair"]),
        ("m2fp tryon --gl", ["--glasses"]),
    ],
)
def test_names_are_completed(line, names):
    assert complete(line) == names
