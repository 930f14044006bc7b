"""A new folder of results needs its file and its line, nothing else."""

from __future__ import annotations

import json

import pytest

from tests.support.extended_package import add_line, run_extended

LINE = '    OutputFolder("sizes", "parse", (".txt",), "sizes"),'
FILE = """\
def encode(photo, key):
    return {f"{key}.txt": str(photo.image_bgr.shape[:2]).encode()}
"""
CODE = """
import json

import pytest
from typer.testing import CliRunner
from m2fp_cli.cli import app
from m2fp_cli.layout import RESULT_SUFFIXES, possible_names
from m2fp_cli.records.document import Provenance
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from tests.support.drawn_people import draw_person

drawn = draw_person()
origin = Provenance("a.jpg", 3, "", 1, "m", "0", "fast", False, 0.1)
photo = ParsedPhoto(drawn.photo_bgr, drawn.result, origin)
files = encode_outputs(photo, "a/b", ["sizes", "labels"])
print(json.dumps({
    "help": CliRunner().invoke(app, ["parse", "--help"]).stdout,
    "files": {name: data.decode("latin-1") for name, data in files},
    "known": "sizes/a.txt" in possible_names("parse", "a") and ".txt" in RESULT_SUFFIXES,
}))
"""


@pytest.mark.slow
def test_a_new_folder_of_results_needs_a_file_and_a_line(tmp_path):
    files = {
        "layout.py": add_line("layout.py", "OUTPUT_FOLDERS = (", LINE),
        "render/outputs/sizes.py": FILE,
    }
    said = json.loads(run_extended(tmp_path, files, CODE))
    assert "sizes, labels, people" in " ".join(said["help"].split())
    assert said["files"].keys() == {"sizes/a/b.txt", "labels/a/b.png"}
    assert said["files"]["sizes/a/b.txt"] == "(520, 420)"
    assert said["known"]
