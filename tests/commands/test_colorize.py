"""``m2fp colorize`` from the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from m2fp_cli.cli import app
from m2fp_cli.errors import NoImagesError, UsageError
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.palette import Palette
from tests.support.parsed_tree import make_tree, two_people


def run(*arguments):
    """Exit code and error of the command."""
    result = CliRunner().invoke(app, ["colorize", *map(str, arguments)])
    return result.exit_code, result.exception


def pictures(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_results_get_color_maps_and_overlays_in_the_same_tree(tmp_path):
    _, output = make_tree(tmp_path)
    assert run(output)[0] == 0
    assert pictures(output / "colors") == ["a.png", "sub/b.png"]
    assert pictures(output / "overlays") == ["a.jpg", "sub/b.jpg"]
    shown = np.asarray(Image.open(output / "colors" / "a.png").convert("RGB"))
    assert (shown == Palette.for_labels(CIHP).colors_rgb[two_people().semantic_map]).all()


def test_default_input_is_the_parse_in_this_folder(tmp_path, monkeypatch):
    make_tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run("-q")[0] == 0
    assert (tmp_path / "m2fp-out" / "colors" / "a.png").exists()


def test_nothing_parsed_here_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(run()[1], NoImagesError)


def test_pictures_may_go_elsewhere(tmp_path):
    _, output = make_tree(tmp_path)
    assert run(output, "-o", tmp_path / "art", "--format", "webp", "--no-overlay")[0] == 0
    assert pictures(tmp_path / "art" / "colors") == ["a.webp", "sub/b.webp"]
    assert not (tmp_path / "art" / "overlays").exists()
    assert not (output / "colors").exists()


@pytest.mark.slow
def test_moved_photos_fail_until_their_folder_is_named(tmp_path):
    photos, output = make_tree(tmp_path)
    photos.rename(tmp_path / "moved")
    assert run(output)[0] == 3
    assert run(output, "--photos", tmp_path / "moved")[0] == 0
    assert run(output, "--no-overlay", "-o", tmp_path / "art")[0] == 0


def test_one_damaged_result_does_not_stop_the_rest(tmp_path):
    _, output = make_tree(tmp_path)
    (output / "labels" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run(output)[0] == 3
    assert pictures(output / "colors") == ["sub/b.png"]


def test_label_maps_of_another_tool(tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "x.png").write_bytes(encode_png(np.asarray([[0, 11], [16, 255]], np.uint8)))
    code, _ = run(maps, "--label-set", "atr", "-o", tmp_path / "out", "--palette", "cihp")
    assert code == 0
    shown = np.asarray(Image.open(tmp_path / "out" / "colors" / "x.png").convert("RGB"))
    assert shown[0, 1].tolist() == [0, 0, 255]  # ATR's face in CIHP's color
    assert shown[1, 1].tolist() == [0, 0, 0]


def test_of_label_maps_no_number_of_people_is_told(tmp_path):
    maps, command = tmp_path / "maps", ("--label-set", "cihp", "-o", tmp_path / "out")
    maps.mkdir()
    (maps / "x.png").write_bytes(encode_png(np.full((20, 30), 13, np.uint8)))
    words = ["colorize", *map(str, (maps, *command))]
    said = CliRunner().invoke(app, [*words, "-v"]).output
    assert "people" not in said
    assert re.search(r"^done .*x.png: [\d.]+ s$", said, re.MULTILINE)
    assert re.search(r"^1 done; [\d.]+ s a photo; pictures in ", said, re.MULTILINE)
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert answer["photos"][0]["people"] is None


def test_label_maps_over_their_photos(tmp_path):
    maps, photos = tmp_path / "maps", tmp_path / "photos"
    maps.mkdir()
    photos.mkdir()
    (maps / "x.png").write_bytes(encode_png(np.full((20, 30), 13, np.uint8)))
    Image.new("RGB", (30, 20), (10, 10, 10)).save(photos / "x.JPG")
    code, _ = run(maps, "--label-set", "cihp", "--photos", photos, "-o", tmp_path / "out")
    assert code == 0
    assert {"colors/x.png", "overlays/x.jpg"} <= set(pictures(tmp_path / "out"))


def test_palette_file_and_label_names(tmp_path):
    _, output = make_tree(tmp_path, ("a",))
    (tmp_path / "mine.json").write_text('{"Face": "#010203"}')
    assert run(output, "--palette", tmp_path / "mine.json", "--labels", "face")[0] == 0
    shown = np.asarray(Image.open(output / "colors" / "a.png").convert("RGB"))
    assert {tuple(c) for c in shown.reshape(-1, 3).tolist()} == {(0, 0, 0), (1, 2, 3)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--labels", "wings"), "no label 'wings'"),
        (("--palette", "sepia"), "no palette 'sepia'"),
        (("--background", "transparent", "--format", "jpg"), "JPEG has no alpha"),
        (("--label-set", "coco"), "no label set 'coco'"),
        (("--label-set", "lip", "--by", "person"), "do not hold people"),
        (("--label-set", "lip", "--overlay"), "--photos"),
    ],
)
def test_wrong_options_are_told_before_any_work(tmp_path, arguments, said):
    _, output = make_tree(tmp_path, ("a",))
    _, error = run(output, *arguments)
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert not (output / "colors").exists()


def test_summary_as_json_and_no_torch(tmp_path):
    _, output = make_tree(tmp_path)
    code = (
        "import sys; from m2fp_cli.cli import main; import atexit;"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr));"
        f"sys.argv = ['m2fp', 'colorize', {str(output)!r}, '-q', '--json']; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert ran.returncode == 0
    assert ran.stderr.strip() == "False"
    assert json.loads(ran.stdout)["done"] == 2
