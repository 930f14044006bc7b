"""What a file of ``--label-set`` may hold, and what is said about it."""

from __future__ import annotations

from m2fp_cli.commands.label_set import read_label_set


def test_a_name_that_may_be_a_typing_error_is_told(tmp_path, capsys):
    file = tmp_path / "own.json"
    file.write_text('{"labels": ["No", "Skin"], "map": {"Face": "Skin", "Hiar": "Skin"}}')
    assert read_label_set(str(file), quiet=False) is not None
    said = capsys.readouterr().err
    assert said.startswith(f'{file}: "map" names Hiar, which no label set')
    assert said.count("\n") == 1
    read_label_set(str(file), quiet=True)
    assert read_label_set(None, quiet=False) is None
    assert read_label_set("atr", quiet=False) is not None
    assert capsys.readouterr().err == ""
