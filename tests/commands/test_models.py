from __future__ import annotations

import errno
import json
import os
import re
import sys

import pytest
import torch
from typer.testing import CliRunner

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.bench.photos import synthetic_photo
from m2fp_cli.commands.calibrate import spread_first
from m2fp_cli.commands.models import app, list_models, parse_input_size
from m2fp_cli.engine.int8.calibration import (
    Agreement,
    Calibration,
    LayerRanges,
    Range,
    read_calibration,
)
from m2fp_cli.errors import (
    ModelError,
    ModelUnavailableError,
    NoImagesError,
    NoInputError,
    OutputError,
    UsageError,
)
from m2fp_cli.imaging.encoding import encode_jpeg
from m2fp_cli.models import progress
from m2fp_cli.models.registry import KNOWN_MODELS, STARTER_FOLDER
from tests.support.hub_server import Hub, serve

MULTI = "damo/cv_resnet101_image-multiple-human-parsing"


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("M2FP_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path) -> dict[str, bytes]:
    torch.save({"model": {"w": torch.zeros(9000)}}, tmp_path / "w.pt")
    return {"configuration.json": b"{}", "pytorch_model.pt": (tmp_path / "w.pt").read_bytes()}


@pytest.fixture
def cached(tmp_path, files):
    folder = tmp_path / "cache" / MULTI
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def hub(files, monkeypatch):
    with serve(Hub({MULTI: files})) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.url)
        yield server


def run(*arguments):
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_ids_and_names_are_not_broken_in_two_on_a_terminal(columns, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    list_models()
    shown = re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out)
    assert max(map(len, shown.splitlines())) <= columns
    assert all(model.hub_id in shown for model in KNOWN_MODELS if model.hub_id)
    assert "m2fp (default)" in shown


def test_the_list_names_a_default_that_is_not_in_it(monkeypatch):
    monkeypatch.setenv("M2FP_MODEL", "./mine")
    assert run("list").stderr == "default: ./mine, as M2FP_MODEL says\n"
    monkeypatch.setenv("M2FP_MODEL", "starter")
    assert run("list").stderr == ""


def test_the_list_says_what_is_here(cached):
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert set(rows) == {"m2fp", "m2fp-single", "starter"}
    assert rows["m2fp"]["folder"] == str(cached)
    assert rows["m2fp"]["default"]
    assert rows["m2fp-single"]["folder"] is None
    assert rows["m2fp-single"]["weights_bytes"] is None


def test_the_table_has_a_line_for_each_model(cached):
    lines = run("list").stdout.splitlines()
    assert any(line.startswith("m2fp (default)") and MULTI in line for line in lines)
    assert len(lines) == 4


def test_path_prints_the_folder_alone(cached):
    assert run("path").stdout == f"{cached}\n"
    shown = json.loads(run("path", MULTI, "--json").stdout)
    assert shown["weights"] == str(cached / "pytorch_model.pt")
    assert shown["source"] == "cache"


def test_path_never_downloads(hub):
    with pytest.raises(ModelUnavailableError, match="not on this machine"):
        run("path", "m2fp")
    assert hub.requests == []


def test_pull_downloads_once_and_prints_the_folder(hub, tmp_path):
    first = run("pull", "m2fp")
    assert first.stdout.startswith(str(tmp_path / "cache"))
    assert "downloading pytorch_model.pt" in first.stderr
    hub.requests.clear()
    assert run("pull", "m2fp").stdout == first.stdout
    assert hub.requests == []


def test_a_quiet_pull_says_nothing_on_stderr(hub):
    assert run("pull", "-q").stderr == ""


def test_pull_replaces_a_damaged_copy(hub, cached, files):
    weights = cached / "pytorch_model.pt"
    weights.write_bytes(weights.read_bytes()[:-100])
    folder = run("pull", "m2fp").stdout.strip()
    assert (tmp := cached.parents[1] / folder / "pytorch_model.pt").read_bytes() == files[tmp.name]
    assert run("path", "m2fp").stdout.strip() == folder


def test_a_forced_pull_asks_the_hub_although_the_files_look_whole(hub):
    run("pull", "m2fp")
    hub.requests.clear()
    run("pull", "m2fp", "--force")
    assert [kind for kind, *_ in hub.requests] == ["list"]


def test_pull_of_a_folder_checks_it(cached, hub):
    assert run("pull", str(cached)).stdout.strip() == str(cached)
    (cached / "pytorch_model.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="damaged"):
        run("pull", str(cached))
    assert hub.requests == []


def test_a_misspelt_name_is_a_usage_error():
    with pytest.raises(UsageError):
        run("pull", "m2pf")


def test_a_terminal_gets_a_bar_and_plain_streams_a_line(capsys, monkeypatch):
    with progress.show_download() as report:
        report("w.pt", 0, 2_000_000)
        report("w.pt", 1_000_000, 2_000_000)
    assert capsys.readouterr().err == "downloading w.pt: 0.0 of 2.0 MB\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.show_download() as report:
        report("w.pt", 2_000_000, 2_000_000)
    shown = capsys.readouterr().err
    assert "w.pt" in shown
    assert "2.0/2.0 MB" in shown


def test_a_bar_without_a_download_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.show_download():
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["480", "480x", "x480", "480x481", "0x32", "8192x32", "32x32x32"])
def test_a_wrong_input_size_is_refused(text):
    with pytest.raises(UsageError, match="multiples of 32"):
        parse_input_size(text)


def test_an_input_size_is_width_and_height():
    assert parse_input_size("320x480") == (480, 320)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        photo = encode_jpeg(synthetic_photo(48, 64, seed))
        (folder / f"{seed}.jpg").write_bytes(photo)
    return folder


def calibration_with(labels):
    """A stand-in that notes what it was asked for."""
    asked = []

    def calibrate(folder, photos, others, most_error, tell):
        shapes = [[one.shape for one in given] for given in (photos, others)]
        asked.append((folder, *shapes, most_error))
        tell("layers tried: 1 of 2")
        layers = {"backbone.stem.conv": LayerRanges(Range(-1.0, 1.0), Range(0.0, 1.0))}
        return Calibration("a" * 64, len(photos), Agreement(1, labels, 1.0, 0.0), layers)

    return calibrate, asked


def test_calibrating_keeps_some_photos_for_comparing(photos, tmp_path, monkeypatch):
    calibrate, asked = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    words = ("--model", "starter", "--threads", "1", "--max-error", "0.02")
    answer = run("calibrate", str(photos), *words)
    stored = tmp_path / "cache" / "m2fp-int8" / f"{'a' * 64}.json"
    assert asked == [(STARTER_FOLDER, [(48, 64, 3)] * 3, [(48, 64, 3)], 0.02)]
    assert "same labels on 99.00% of pixels" in answer.stdout
    assert read_calibration(stored).photos == 3


def test_a_calibration_that_changes_many_labels_is_refused(photos, tmp_path, monkeypatch):
    calibrate, _ = calibration_with(0.98)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    words = ("calibrate", str(photos), "--model", "starter", "--threads", "1")
    with pytest.raises(ModelError, match=r"less than 98.5% are the same; give more photos"):
        run(*words)
    assert not (tmp_path / "cache" / "m2fp-int8").exists()
    run(*words, "--force")
    assert (tmp_path / "cache" / "m2fp-int8").exists()


def test_a_photo_that_cannot_be_read_is_left_out_of_calibrating(photos, tmp_path, monkeypatch):
    calibrate, asked = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    (photos / "1.jpg").write_bytes(b"\xff\xd8\xff no photo")
    answer = CliRunner().invoke(app, ["calibrate", str(photos), "--model", "starter"])
    assert answer.exit_code == 3
    assert f"failed {photos}/1.jpg: is truncated: " in answer.stderr
    assert len(asked[0][1]) + len(asked[0][2]) == 3
    assert any((tmp_path / "cache" / "m2fp-int8").iterdir())


def test_a_cache_without_room_is_said_before_photos_are_read(photos, tmp_path, monkeypatch):
    def fill(_folder, portions, **_):
        if len(b"".join(portions)) > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return "x"

    calibrate, asked = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    monkeypatch.setattr("m2fp_cli.storage.writing.write_temporary", fill)
    with pytest.raises(OutputError, match="the disk is full; change that, or set MODELSCOPE_CACHE"):
        run("calibrate", str(photos), "--model", "starter")
    assert not asked


@pytest.mark.parametrize("place", ["cache", "cache/m2fp-int8"])
def test_a_cache_that_cannot_be_written_is_said_before_photos_are_read(
    photos, tmp_path, monkeypatch, place
):
    calibrate, asked = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    (photos / "1.jpg").write_bytes(b"no photo")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    answer = CliRunner().invoke(app, ["calibrate", str(photos), "--model", "starter"])
    assert isinstance(answer.exception, OutputError)
    assert f"{place}: a part of this path is a file" in str(answer.exception)
    assert "set MODELSCOPE_CACHE to a folder that can be written" in str(answer.exception)
    assert "1.jpg" not in answer.stderr
    assert not asked


def test_a_missing_model_is_said_before_photos_are_read(photos):
    (photos / "1.jpg").write_bytes(b"no photo")
    answer = CliRunner().invoke(app, ["calibrate", str(photos), "--model", "./none"])
    assert "there is no model folder ./none" in str(answer.exception)
    assert "1.jpg" not in answer.stderr


def test_another_photo_takes_the_place_of_one_that_cannot_be_read(photos, monkeypatch):
    calibrate, asked = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    (photos / "0.jpg").write_bytes(b"\xff\xd8\xff no photo")
    words = ["calibrate", str(photos), "--model", "starter", "--limit", "3"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 3
    assert "calibrating starter on 2 photos, comparing on 1" in answer.stderr
    assert [len(given) for given in asked[0][1:3]] == [2, 1]


@pytest.mark.parametrize(
    ("limit", "keys"), [(1, "01234567"), (2, "04123567"), (3, "02513467"), (9, "01234567")]
)
def test_photos_that_are_spread_over_the_folder_come_first(limit, keys):
    tasks = [ImageTask(f"/photos/{number}.jpg", str(number)) for number in range(8)]
    assert "".join(task.key for task in spread_first(tasks, limit)) == keys


def test_one_photo_is_no_plural(photos, monkeypatch):
    calibrate, _ = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    answer = run("calibrate", str(photos), "--model", "starter", "--limit", "2")
    assert "calibrating starter on 1 photo, comparing on 1; takes minutes" in answer.stderr


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_calibrating_says_how_far_it_is_now_and_then(photos, monkeypatch, seconds):
    calibrate, _ = calibration_with(0.99)
    monkeypatch.setattr("m2fp_cli.engine.int8.calibrate.calibrate_model", calibrate)
    monkeypatch.setattr("m2fp_cli.batch.progress.LINE_SECONDS", seconds)
    answer = run("calibrate", str(photos), "--model", "starter")
    assert ("layers tried: 1 of 2" in answer.stderr) == (seconds == 0.0)


def test_calibrating_takes_two_photos(photos, tmp_path):
    for name in ("0.jpg", "1.jpg", "2.jpg"):
        (photos / name).unlink()
    with pytest.raises(NoImagesError, match="holds one photo that can be read; calibrating"):
        run("calibrate", str(photos), "--model", "starter")
    with pytest.raises(NoInputError, match="none is not there; name one that holds photos"):
        run("calibrate", str(tmp_path / "none"), "--model", "starter")


def test_photos_in_sub_folders_are_to_be_named(photos):
    with pytest.raises(NoImagesError, match=r"sub-folders hold photos, name one of them$"):
        run("calibrate", str(photos.parent), "--model", "starter")
