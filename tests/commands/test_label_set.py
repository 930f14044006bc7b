"""What a file of ``--label-set`` may hold, and what is said about it."""

from __future__ import annotations

import json

import pytest

from m2fp_cli.commands.label_set import read_label_set, warn_of_lost_labels
from m2fp_cli.jobs.model_files import ModelFiles
from m2fp_cli.jobs.parse import ParseJob, ParseSettings
from tests.support.family import small_document


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


@pytest.mark.parametrize(
    ("labels", "table", "is_told"),
    [
        (["Skin", "Top"], {"Face": "Skin"}, True),
        (["L", "R"], {"Glove": ["L", "R"]}, True),
        (["Face", "Hair"], {}, True),
        (["Background", "Top"], {"Torso-skin": "Background"}, False),
        (["Hintergrund", "Haut"], {"Face": "Haut"}, False),
    ],
)
def test_a_set_without_background_is_told(tmp_path, capsys, labels, table, is_told):
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"labels": labels, "map": table}))
    read_label_set(str(file), quiet=True)
    assert capsys.readouterr().err == ""
    read_label_set(str(file), quiet=False)
    assert (f"{file}: what becomes {labels[0]} is lost" in capsys.readouterr().err) == is_told


@pytest.mark.parametrize(("given", "is_told"), [("atr", True), (None, False)])
def test_labels_of_a_model_that_become_background_are_told(tmp_path, capsys, given, is_told):
    document = small_document()
    document["model"]["classes"][1:3] = ["Turban", "Fringe"]
    (tmp_path / "configuration.json").write_text(json.dumps(document))
    model = ModelFiles("own", tmp_path, weights="", weights_bytes=1, configuration="")
    settings = ParseSettings(mapping=read_label_set(given, quiet=False))
    warn_of_lost_labels(ParseJob(tmp_path, model, settings))
    said = "labels that atr has no place for become background: Turban, Fringe; --label-set FILE"
    assert capsys.readouterr().err.startswith(said) is is_told
