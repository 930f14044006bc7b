from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m2fp_cli import load_result, parse_folder
from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.report import Status
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.errors import ExitCode, NoImagesError
from m2fp_cli.records.mapping import load_mapping, map_labels
from m2fp_cli.storage.tree import OutputTree
from tests.support.fork_servers import fresh_fork_server
from tests.support.hostile_folders import (
    AWKWARD_NAMES,
    make_awkward_photos,
    make_fifo,
    make_self_symlink,
)
from tests.support.picture_bytes import encoded, exif_block, oriented, photo_rgb
from tests.support.scripted import tree_of
from tests.support.tiny_model import CommandLine


@pytest.fixture(scope="module", autouse=True)
def fork_server_with_torch():
    with fresh_fork_server():
        yield


@pytest.fixture
def m2fp(tiny_model, monkeypatch, capfd):
    return CommandLine(tiny_model, monkeypatch, capfd)


def write_photo(path: Path, height: int = 60, width: int = 80, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fmt = "PNG" if path.suffix == ".png" else "JPEG"
    path.write_bytes(encoded(photo_rgb(height, width, seed), fmt))
    return path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size[1], image.size[0]


# ---------------------------------------------------------------------------------- the plain run


def test_a_folder_becomes_a_mirrored_tree(tmp_path, m2fp):
    write_photo(tmp_path / "photos" / "a.jpg", 60, 80)
    write_photo(tmp_path / "photos" / "sub" / "b.png", 90, 50)
    answer = m2fp("parse", tmp_path / "photos", "-r", "-o", tmp_path / "out")
    assert answer.code == ExitCode.OK, answer.err
    assert answer.out == ""
    assert "2 photos: 2 new" in answer.err
    assert "2 done" in answer.err
    assert sorted(tree_of(tmp_path / "out")) == sorted(
        f"{kind}/{key}{suffix}"
        for kind, suffix in (("labels", ".png"), ("people", ".png"), ("results", ".json"))
        for key in ("a", "sub/b")
    )
    assert size_of(tmp_path / "out/labels/a.png") == (60, 80)
    assert size_of(tmp_path / "out/people/sub/b.png") == (90, 50)


def test_json_is_all_there_is_on_stdout_and_quiet_says_nothing(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--json", "-q")
    summary = json.loads(answer.out)
    assert answer.err == ""
    assert (summary["total"], summary["done"], summary["exit_code"]) == (1, 1, 0)
    assert summary["photos"][0]["files"] == ["labels/a.png", "people/a.png", "results/a.json"]
    again = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "-q")
    assert (again.code, again.out, again.err) == (0, "", "")


@pytest.mark.slow
def test_names_that_clash_are_both_kept_and_it_is_said(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg", 60, 80)
    write_photo(tmp_path / "p" / "a.png", 90, 50)
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out")
    assert answer.code == 0
    assert "a.png: results are named a.png, a is taken" in answer.err
    assert size_of(tmp_path / "out/labels/a.png") == (60, 80)
    assert size_of(tmp_path / "out/labels/a.png.png") == (90, 50)


def test_maps_are_in_the_upright_frame(tmp_path, m2fp):
    (tmp_path / "p").mkdir()
    data = encoded(oriented(6), "JPEG", exif=exif_block(6))
    assert Image.open(io.BytesIO(data)).size == (48, 80)
    (tmp_path / "p" / "a.jpg").write_bytes(data)
    assert m2fp("parse", tmp_path / "p", "-o", tmp_path / "out").code == 0
    assert size_of(tmp_path / "out/labels/a.png") == (48, 80)
    document = json.loads((tmp_path / "out/results/a.json").read_text())
    assert document["image"] == {"height": 48, "width": 80, "orientation": 6}


@pytest.mark.slow
def test_other_kinds_replace_the_files_of_the_old_ones(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    m2fp("parse", tmp_path / "p", "-o", tmp_path / "out")
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--save", "labels")
    assert "1 with other settings (save labels,people,json -> labels)" in answer.err
    assert sorted(tree_of(tmp_path / "out")) == ["labels/a.png"]


def test_label_maps_of_another_set_lie_beside_the_own_ones(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    assert m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--label-set", "atr").code == 0
    result = load_result(tmp_path / "out/results/a.json")
    expected = map_labels(
        result.semantic_map, result.labels, load_mapping("atr"), result.person_map
    )
    with Image.open(tmp_path / "out/relabeled/a.png") as image:
        assert image.mode == "P"
        assert (np.asarray(image) == expected).all()


# ------------------------------------------------------------------------------------- failures


def test_the_command_that_lists_failures_can_be_pasted_into_a_shell(tmp_path, m2fp):
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    words = ("parse", tmp_path / "bad.jpg", "-o", tmp_path / "my out", "-q")
    assert m2fp(*words).code == ExitCode.SOME_FAILED
    assert f"`m2fp status '{tmp_path}/my out'` lists them" in m2fp(*words).err


def test_a_broken_photo_fails_alone_with_its_path_and_exit_code_3(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    (tmp_path / "p" / "[red]bad.jpg").write_bytes(b"\xff\xd8\xff no photo")
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "-q")
    assert answer.code == ExitCode.SOME_FAILED
    assert answer.err.startswith(f"failed {tmp_path}/p/[red]bad.jpg: ")
    assert len(answer.err.splitlines()) == 1
    assert (tmp_path / "out/labels/a.png").exists()
    again = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "-q")
    assert again.code == ExitCode.SOME_FAILED
    assert "1 failed before and did not change" in again.err
    status = m2fp("status", tmp_path / "out")
    assert "parse: 1 done, 1 failed" in status.out
    assert f"failed {tmp_path}/p/[red]bad.jpg: " in status.out
    found = json.loads(m2fp("status", tmp_path / "out", "--json").out)["jobs"]["parse"]
    assert (found["done"], found["failed"], found["left"]) == (1, 1, 0)


@pytest.mark.slow
def test_a_higher_limit_gives_a_refused_photo_another_chance(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    arguments = ("parse", tmp_path / "p", "-o", tmp_path / "out")
    assert m2fp(*arguments, "--max-pixels", "0.002").code == ExitCode.SOME_FAILED
    assert m2fp(*arguments).code == ExitCode.OK


def test_a_folder_full_of_traps(tmp_path, m2fp):
    photos = tmp_path / "p"
    photos.mkdir()
    make_awkward_photos(photos)
    make_fifo(photos / "pipe.jpg")
    make_self_symlink(photos)
    (photos / "dangling.jpg").symlink_to("nowhere")
    (photos / "ring.jpg").symlink_to("ring.jpg")
    answer = m2fp("parse", photos, "-r", "-o", photos / "out", "--json")
    summary = json.loads(answer.out)
    assert answer.code == ExitCode.SOME_FAILED
    assert summary["done"] == len(AWKWARD_NAMES)
    assert summary["failed"] == 2
    assert "\x1b" not in answer.err
    assert "pipe.jpg is left out: it is no regular file" in answer.err
    for photo in summary["photos"]:
        for name in photo["files"]:
            assert os.path.lexists(photos / "out" / name)


@pytest.mark.slow
def test_results_are_never_taken_for_photos(tmp_path, m2fp):
    write_photo(tmp_path / "a.jpg")
    for _ in range(2):
        answer = m2fp("parse", tmp_path, "-r", "-o", tmp_path / "out", "--save", "labels", "--json")
        assert json.loads(answer.out)["total"] == 1
    write_photo(tmp_path / "out" / "inbox" / "b.jpg")
    answer = m2fp("parse", tmp_path / "out" / "inbox", "-o", tmp_path / "out", "--json")
    assert [photo["key"] for photo in json.loads(answer.out)["photos"]] == ["b"]


# ------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        ("--save", "hats"),
        ("--save", "relabeled"),
        ("--label-set", "hats"),
        ("--workers", "0"),
        ("--threads", "many"),
        ("--shard", "3/2"),
        ("--max-failures", "x"),
        ("--rerun", "sometimes"),
        ("--tiles", "1"),
        ("--engine", "reference", "--tiles", "auto"),
        ("--engine", "reference", "--flip"),
        ("--engine", "reference", "--precision", "bf16"),
        ("--no-such-option",),
    ],
)
def test_wrong_options_exit_2_before_anything_is_written(tmp_path, m2fp, arguments):
    write_photo(tmp_path / "p" / "a.jpg")
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", *arguments)
    assert answer.code == ExitCode.USAGE
    assert answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_tiles_are_noted_and_another_setting_parses_again(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    for tiles in ("off", "2"):
        assert m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--tiles", tiles).code == 0
        document = json.loads((tmp_path / "out" / "results" / "a.json").read_bytes())
        assert document["model"]["tiles"] == tiles


def test_no_photo_exits_66(tmp_path, m2fp):
    (tmp_path / "p").mkdir()
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out")
    assert (answer.code, answer.out) == (ExitCode.NO_INPUT, "")
    assert "no photo found" in answer.err


def test_an_output_that_cannot_be_exits_73(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    (tmp_path / "file").touch()
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "file" / "out")
    assert answer.code == ExitCode.CANNOT_WRITE
    assert "is a file or a link, not a folder" in answer.err


def test_an_output_in_use_exits_75_and_says_by_whom(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    with hold_output(OutputTree(tmp_path / "out", create=True)):
        answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "-q")
        running = m2fp("status", tmp_path / "out")
    assert answer.code == ExitCode.LOCKED
    assert f"in use by another run (process {os.getpid()}" in answer.err
    assert running.code == ExitCode.NO_INPUT


def test_a_missing_model_exits_1(tmp_path, m2fp):
    write_photo(tmp_path / "p" / "a.jpg")
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--model", "./nowhere")
    assert (answer.code, answer.out) == (ExitCode.INTERNAL, "")
    assert "there is no model folder ./nowhere" in answer.err


def test_weights_damaged_behind_a_whole_header_exit_1(tmp_path, m2fp, tiny_model):
    write_photo(tmp_path / "p" / "a.jpg")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "configuration.json").write_bytes((tiny_model / "configuration.json").read_bytes())
    (broken / "model.safetensors").write_bytes(
        (tiny_model / "model.safetensors").read_bytes()[:5000]
    )
    answer = m2fp("parse", tmp_path / "p", "-o", tmp_path / "out", "--model", broken)
    assert answer.code == ExitCode.INTERNAL
    assert "model.safetensors" in answer.err


@pytest.mark.slow
def test_an_edited_configuration_is_another_setting(tmp_path, m2fp, tiny_model):
    write_photo(tmp_path / "p" / "a.jpg")
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    run = ("parse", tmp_path / "p", "-o", tmp_path / "out", "--model", folder)
    assert m2fp(*run).code == 0
    assert "1 up to date" in m2fp(*run).err
    path = folder / "configuration.json"
    path.write_text(path.read_text() + "\n")
    assert "1 with other settings (configuration" in m2fp(*run).err


# ---------------------------------------------------------------------------------- the process


@pytest.mark.slow
def test_the_command_line_never_imports_torch(tmp_path, tiny_model):
    write_photo(tmp_path / "p" / "a.jpg")
    program = (
        "import sys, atexit\n"
        "heavy = ('torch', 'cv2', 'modelscope', 'numba')\n"
        "atexit.register(lambda: print([m for m in heavy if m in sys.modules]))\n"
        "from m2fp_cli.cli import main\n"
        "main()"
    )
    command = [sys.executable, "-c", program, "parse", tmp_path / "p", "-o", tmp_path / "out"]
    ended = subprocess.run(
        [*command, "--model", tiny_model, "-q"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=900,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[]\n", "")
    assert (tmp_path / "out/labels/a.png").exists()


# ------------------------------------------------------------------------------------- as a library


def test_parse_folder_yields_a_report_per_photo(tmp_path, tiny_model):
    write_photo(tmp_path / "p" / "a.jpg")
    write_photo(tmp_path / "p" / "b.jpg", seed=1)
    (tmp_path / "p" / "c.jpg").write_bytes(b"")
    options = RunOptions(workers=1)
    reports = {
        report.key: report
        for report in parse_folder(
            tmp_path / "p", tmp_path / "out", model=tiny_model, options=options
        )
    }
    assert {key: report.status for key, report in reports.items()} == {
        "a": Status.DONE,
        "b": Status.DONE,
        "c": Status.FAILED,
    }
    assert reports["c"].reason == "empty"
    result = load_result(tmp_path / "out/results/a.json")
    assert result.image_hw == reports["a"].image_hw == (60, 80)
    labels = np.asarray(Image.open(tmp_path / "out/labels/a.png"))
    assert np.array_equal(labels, result.semantic_map)
    again = parse_folder([tmp_path / "p"], tmp_path / "out", model=tiny_model)
    assert sorted(report.status.value for report in again) == ["failed", "up-to-date", "up-to-date"]


def test_parse_folder_finds_mistakes_before_the_first_report(tmp_path, tiny_model):
    (tmp_path / "p").mkdir()
    with pytest.raises(NoImagesError):
        parse_folder(tmp_path / "p", tmp_path / "out", model=tiny_model)
