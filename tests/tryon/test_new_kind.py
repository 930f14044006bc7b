"""A new kind of accessory needs its file and its line, nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.support.extended_package import add_line, run_extended

LINE = '    KindLine("mustache", "Mustache: a picture."),'
FILE = """\
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.records import ItemRecord


def guess(seen):
    return {"middle": (seen.shape[1] / 2, seen.shape[0] / 2)}


def wear(wearer, item):
    x, y = (round(v) for v in wearer.frame.point(0.0, 0.85))
    wearer.photo_bgr[y - 5 : y + 6, x - 5 : x + 6] = 0
    return ItemRecord(item.kind, item.name, numbers={"size": item.numbers["size"]})


KIND = HeadKind("mustache", {"size": Number(0.7, 0.1, 2.0, "width, U")},
                {"middle": "below the nose"}, guess, 10, wear)
"""
CODE = """
import json
from typer.testing import CliRunner
from m2fp_cli.cli import app
from tests.support.drawn_people import changed, draw_person, wear

helped = CliRunner().invoke(app, ["tryon", "--help"]).stdout
checked = CliRunner().invoke(app, ["accessories", "check", "m.png", "--kind", "mustache"])
drawn = draw_person()
done = wear(drawn, {"hat": "cap", "mustache": "m.png", "top": "denim"})
print(json.dumps({
    "help": helped,
    "check": checked.stdout,
    "items": [[item.kind, item.reason, item.numbers.get("size")] for item in done.people[0].items],
    "painted": bool(changed(drawn, done)[drawn.pixel(0, 0.85)]),
}))
"""


@pytest.mark.slow
def test_a_new_kind_needs_a_file_and_a_line(tmp_path):
    bgra = np.zeros((40, 80, 4), np.uint8)
    bgra[10:30, 10:70] = 255
    Image.fromarray(bgra, "RGBA").save(tmp_path / "m.png")
    files = {
        "tryon/kinds/__init__.py": add_line("tryon/kinds/__init__.py", "KINDS = (", LINE),
        "tryon/kinds/mustache.py": FILE,
    }
    said = json.loads(run_extended(tmp_path, files, CODE))
    assert "--mustache" in said["help"]
    assert "anchors guessed from the picture: middle" in said["check"]
    assert (tmp_path / "m-anchors.png").is_file()
    # Its line is the first, so that it goes on last, over the hat.
    assert said["items"] == [["top", "", None], ["hat", "", None], ["mustache", "", 0.7]]
    assert said["painted"]
