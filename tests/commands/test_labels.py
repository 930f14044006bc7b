"""The list of labels, as programs read it."""

from __future__ import annotations

from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.records.labels import CIHP


def test_a_program_gets_columns_between_tabs():
    shown = CliRunner().invoke(app, ["labels", "--label-set", "cihp"]).stdout.splitlines()
    rows = [line.split("\t") for line in shown]
    assert [row[:2] for row in rows[:2]] == [["0", "Background"], ["1", CIHP.names[1]]]
    assert {len(row) for row in rows} == {3}
    assert rows[0][2] == "#000000"
