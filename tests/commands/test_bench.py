"""``m2fp bench`` from its arguments to its exit code, with a tiny network."""

from __future__ import annotations

import json
import sys

import pytest

from m2fp_cli.bench.photos import synthetic_photo
from m2fp_cli.engine.int8.calibrate import calibrate_model
from m2fp_cli.engine.int8.calibration import store_calibration
from m2fp_cli.imaging.encoding import encode_jpeg
from m2fp_cli.kernels.threads import single_thread_up_to
from tests.support.bench_document import small_document
from tests.support.tiny_model import CommandLine


@pytest.fixture
def m2fp(tiny_model, monkeypatch, capfd):
    return CommandLine(tiny_model, monkeypatch, capfd)


def stored(path, **changes):
    path.write_text(small_document(**changes).dump())
    return path


@pytest.mark.slow
def test_single_photos_of_asked_for_sizes(m2fp, tiny_model, tmp_path):
    answer = m2fp(
        *(
            "bench",
            "-m",
            tiny_model,
            "--sizes",
            "64x48,48x32",
            "--threads",
            "1",
            "--precision",
            "fp32",
        ),
        *("--min-time", "0", "--min-count", "2", "--budget", "9000", "-o", tmp_path / "bench.json"),
    )
    assert answer.code == 0, answer.err
    document = json.loads((tmp_path / "bench.json").read_text())
    assert [photo["hw"] for photo in document["single"]] == [[32, 48], [48, 64]]
    ours = document["single"][0]["engines"]["m2fp"]
    assert len(ours["seconds"]) == len(ours["stages"]["network"]) == 2
    assert ours["instances"] > 0
    assert document["engines"]["m2fp"]["dtype"] == "float32"
    assert "48x32" in answer.out
    assert "m2fp: ready after" in answer.err


@pytest.mark.slow
def test_number_formats_side_by_side(m2fp, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    with single_thread_up_to(64):  # a layer here is too small to share
        store_calibration(calibrate_model(tiny_model, [synthetic_photo(48, 64)]))
    answer = m2fp(
        *("bench", "-m", tiny_model, "--sizes", "64x48", "--threads", "1", "--json"),
        *("--precision", "fp32,int8", "--min-time", "0", "--min-count", "2", "--budget", "9000"),
        "--roofline",
    )
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert {name: one["dtype"] for name, one in document["engines"].items()} == {
        "m2fp": "float32",
        "m2fp int8": "int8",
    }
    assert [*document["single"][0]["versus"]] == ["m2fp int8"]
    assert [one["dtype"] for one in document["roofline"]] == ["float32", "int8"]
    assert document["roofline"][1]["peak_flops"]["int8"] > 0


def test_number_formats_are_checked(m2fp, monkeypatch):
    monkeypatch.setattr("m2fp_cli.commands.bench_choices.supports_bfloat16", lambda: False)
    monkeypatch.setattr("m2fp_cli.jobs.model_files.multiplies_int8", lambda: False)
    assert m2fp("bench", "--precision", "fp16").code == 2
    answer = m2fp("bench", "--precision", "fp32,bf16,int8", "--scenario", "paint")
    assert "bf16: left out, since this CPU has no AVX-512" in answer.err
    assert "this CPU has no VNNI" in answer.err
    assert "needs --scenario single or all" in answer.err


@pytest.mark.slow
@pytest.mark.reference
def test_the_reference_is_measured_in_turn(m2fp, tiny_model, tmp_path):
    answer = m2fp(
        *("bench", "-m", tiny_model, "--sizes", "64x48", "--threads", "1", "--precision", "fp32"),
        *("--min-time", "0", "--min-count", "3", "--budget", "9000", "--against", "reference"),
        "--json",
    )
    assert answer.code == 0, answer.err
    photo = json.loads(answer.out)["single"][0]
    assert {len(one["seconds"]) for one in photo["engines"].values()} == {3}
    assert photo["agreement"]["label_map"] > 0.999
    assert photo["ratio"]["low"] <= photo["ratio"]["value"] <= photo["ratio"]["high"]


@pytest.mark.long
def test_every_scenario_from_a_folder(m2fp, tiny_model, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(encode_jpeg(synthetic_photo(48, 64)))
    answer = m2fp(
        *("bench", photos, "-m", tiny_model, "--scenario", "all", "--roofline", "--threads", "1"),
        *("--workers", "1", "--min-time", "0", "--min-count", "2", "--budget", "1"),
        *("--precision", "fp32", "--json", "-o", tmp_path / "bench.json"),
    )
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert document == json.loads((tmp_path / "bench.json").read_text())
    assert [photo["hw"] for photo in document["single"]] == [[48, 64]]
    ours = document["single"][0]["engines"]["m2fp"]
    assert len(ours["seconds"]) >= 1
    assert ours["instances"] > 0
    assert document["engines"]["m2fp"]["dtype"] == "float32"
    assert [(pool["workers"], pool["threads"]) for pool in document["offline"]] == [(1, 1)]
    assert document["offline"][0]["rate"] > 0
    assert document["offline"][0]["peak_rss_mib"] > 50
    assert document["roofline"][0]["flops"]["network"] > 1e6
    assert {one["name"] for one in document["paint"]} == {"default", "contours and legend"}
    assert "one" in answer.err
    assert "photos/s" in answer.err


def test_a_broken_photo_costs_a_line_and_another_takes_its_place(m2fp, tmp_path, monkeypatch):
    plans = []

    def measure(plan, say, shown):
        plans.append(plan)
        return small_document()

    monkeypatch.setattr("m2fp_cli.bench.run.run_bench", measure)
    (tmp_path / "a.jpg").write_bytes(b"broken")
    for name in ("b", "c", "d"):
        (tmp_path / f"{name}.jpg").write_bytes(encode_jpeg(synthetic_photo(48, 64)))
    answer = m2fp("bench", tmp_path, "--limit", "2")
    assert answer.code == 3
    assert f"failed {tmp_path}/a.jpg: is not a picture" in answer.err
    assert [photo.name for photo in plans[0].photos] == ["b", "c"]
    for name in ("b", "c", "d"):
        (tmp_path / f"{name}.jpg").write_bytes(b"broken")
    answer = m2fp("bench", tmp_path)
    assert answer.code == 66
    assert "holds no photo that can be read" in answer.err


def test_two_runs_are_compared(m2fp, tmp_path):
    first, second = stored(tmp_path / "a"), stored(tmp_path / "b", factor=0.5)
    answer = m2fp("bench", "compare", first, second)
    assert answer.code == 0
    assert "0.50x" in answer.out
    assert "faster, same answer" in answer.out
    as_json = json.loads(m2fp("bench", "compare", first, second, "--json").out)
    assert as_json["changes"][0]["ratio"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b"], "takes one folder"),
        (["compare", "a.json"], "takes two files"),
        (["--scenario", "paint", "--against", "reference"], "--against needs"),
        (["--scenario", "offline", "--plot", "x.png"], "--plot needs"),
        (["--sizes", "huge"], "--sizes takes"),
        (["--threads", "0"], "--threads takes auto or a number"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(m2fp, words, message):
    answer = m2fp("bench", *words)
    assert answer.code == 2
    assert message in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "is not there; name one that holds photos"),
        (["compare", "a.json", "b.json"], "cannot be read"),
    ],
)
def test_a_missing_input_is_told_before_anything_is_measured(m2fp, words, message):
    answer = m2fp("bench", *words)
    assert answer.code == 66
    assert message in answer.err


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_a_file_of_somebody_else_is_told_before_anything_is_measured(m2fp, tmp_path, option):
    if option == "--plot":
        pytest.importorskip("matplotlib")
    mine = tmp_path / "mine.png"
    mine.write_text("mine")
    answer = m2fp("bench", option, mine)
    assert answer.code == 73
    assert "mine.png is there already and m2fp did not write it" in answer.err
    assert "s]" not in answer.err


def test_a_folder_and_sizes_exclude_each_other(m2fp, tmp_path):
    answer = m2fp("bench", tmp_path, "--sizes", "480p")
    assert (answer.code, answer.out) == (2, "")


def test_a_missing_matplotlib_is_told_at_once(m2fp, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = m2fp("bench", "--plot", "x.png")
    assert answer.code == 1
    assert "pip install 'm2fp[plot]'" in answer.err
