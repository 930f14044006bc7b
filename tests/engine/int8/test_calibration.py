"""Calibrations as files: written, read, refused and found."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from m2fp_cli.engine.int8 import calibration
from m2fp_cli.engine.int8.calibration import (
    Agreement,
    Calibration,
    LayerRanges,
    Range,
    find_calibration,
    read_calibration,
    store_calibration,
)
from m2fp_cli.engine.int8.choice import (
    candidates,
)
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ModelError
from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.models.weights import weights_digest


def small_calibration(**changes):
    ranges = {
        "backbone.stem.conv": LayerRanges(Range(-2.0, 2.5), Range(0.0, 6.0), (0.5, -1.25, 3e-05)),
        "backbone.stages.res2.0.sum": LayerRanges(Range(0.0, 6.0), Range(0.0, 6.0)),
    }
    one = Calibration("a" * 64, 7, Agreement(3, 0.995, 1.0, 0.01), ranges)
    return dataclasses.replace(one, **changes)


def test_a_calibration_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    wanted = small_calibration()
    path = store_calibration(wanted)
    assert path.name == f"{'a' * 64}.json"
    assert read_calibration(path) == wanted
    store_calibration(small_calibration(agreement=None))
    assert read_calibration(path).digest() == wanted.digest()
    assert small_calibration(weights="b").digest() != wanted.digest()
    beside = small_calibration(rest="bf16")
    assert read_calibration(store_calibration(beside)) == beside
    assert beside.digest() != wanted.digest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "m2fp-int8/9"}, "is not of the format"),
        ({"format": "m2fp-int8/1"}, "run m2fp models calibrate again"),
        ({"layers": {"x": {"ranges": [0, 1, 2]}}}, '"ranges" must be a list of 4 numbers'),
        ({"layers": {"x": {"ranges": [1, 2, 0, 3]}}}, '"ranges" must be a number from'),
        ({"layers": {"x": {"ranges": [0, 1, 0, 3], "means": [1e9]}}}, '"means" must be a number'),
        ({"layers": {"x": [0, 1, 0, 3]}}, '"x" must be an object'),
        ({"layers": {"x": {"ranges": [0, 0, 0, 0]}}}, "gives x an empty range.*calibrate again"),
        ({"layers": {"x": {"ranges": [-1, 1, 0, 0]}}}, "gives x an empty range"),
        ({"layers": {"x": {"ranges": [-1e-9, 0, 0, 1]}}}, "gives x an empty range"),
        ({"photos": 0}, '"photos" must be a whole number'),
        ({"rest": "int8"}, '"rest" must be fp32 or bf16'),
        ({"agreement": {"photos": 1, "labels": 2}}, '"labels" must be a number from 0 to 1'),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path, change, reason):
    path = tmp_path / "int8.json"
    path.write_text(json.dumps(json.loads(small_calibration().dump()) | change))
    with pytest.raises(ModelError, match=reason):
        read_calibration(path)
    path.write_text("{")
    with pytest.raises(ModelError, match="is not valid JSON"):
        read_calibration(path)


def test_a_calibration_of_other_weights_does_not_count(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="is not calibrated for int8; run m2fp models calibrate"):
        HumanParser(tiny_model, precision="int8")
    store_calibration(small_calibration(weights=weights_digest(tiny_model)))
    with pytest.raises(ModelError, match="calibration is of another network"):
        HumanParser(tiny_model, precision="int8")


def test_the_users_own_calibration_comes_before_the_models(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    shipped = small_calibration(weights=weights_digest(model))
    (model / "int8.json").write_text(shipped.dump())
    assert find_calibration(model) == shipped
    own = dataclasses.replace(shipped, photos=9)
    store_calibration(own)
    assert find_calibration(model) == own
    (model / "int8.json").write_text("damaged")
    assert find_calibration(model) == own


def test_a_calibration_of_an_older_format_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    path = store_calibration(small_calibration())
    path.write_text(path.read_text().replace("m2fp-int8/2", "m2fp-int8/1"))
    assert read_calibration(store_calibration(small_calibration())) == small_calibration()


def test_the_starter_comes_calibrated(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "cache_root", lambda: tmp_path)
    found = find_calibration(STARTER_FOLDER)
    assert found.agreement is not None
    assert found.agreement.labels > 0.99
    assert candidates(found.layers) == [*found.layers]
