from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.engine.fast import precision
from m2fp_cli.engine.int8.calibration import find_calibration
from m2fp_cli.errors import ImageError, ModelError
from m2fp_cli.jobs import model_files
from m2fp_cli.jobs.model_files import ModelFiles, describe_precision, find_model, int8_caution
from m2fp_cli.jobs.parse import ParseJob, ParseSettings, ParseWorker
from m2fp_cli.kernels import cpu
from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.records.document import read_document
from tests.support.picture_bytes import encoded, photo_rgb


def signature_with(number_format: str) -> dict[str, str]:
    model = ModelFiles("m2fp", Path("model"), "weights", 1, "configuration")
    settings = ParseSettings(precision=number_format)
    return dict(ParseJob(Path("out"), model, settings).signature())


@pytest.mark.parametrize(
    ("flags", "meant"),
    [({"avx2", "avx512f"}, "fp32"), ({"amx_bf16"}, "bf16"), ({"avx512_bf16"}, "bf16")],
)
def test_auto_is_signed_as_what_it_means_on_this_cpu(monkeypatch, flags, meant):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset(flags))
    assert signature_with("auto") == signature_with(meant)
    assert signature_with("fp32") != signature_with("bf16")


@pytest.mark.parametrize(
    ("flags", "meant"),
    [({"avx2"}, (torch.float32, "fp32")), ({"amx_bf16"}, (torch.bfloat16, "bf16"))],
)
def test_signature_and_engine_mean_the_same_by_auto(monkeypatch, flags, meant):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(precision, "_products_agree", lambda: True)
    precision.has_fast_bfloat16.cache_clear()
    assert (precision.choose_dtype("auto"), cpu.settle_precision("auto")) == meant
    precision.has_fast_bfloat16.cache_clear()


@pytest.mark.parametrize(("flags", "beside"), [({"avx512_bf16"}, " bf16"), ({"avx2"}, "")])
def test_int8_is_signed_with_the_float_beside_it(monkeypatch, flags, beside):
    calibration = replace(find_calibration(STARTER_FOLDER), rest="bf16")
    monkeypatch.setattr(model_files, "find_calibration", lambda _: calibration)
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset(flags))
    files = ModelFiles("m", STARTER_FOLDER, "w", 1, "c")
    assert describe_precision(files, "int8") == f"int8 {calibration.digest()}{beside}"


def test_int8_is_signed_with_its_calibration(tiny_model, monkeypatch):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset({"avx2"}))
    settings = ParseSettings(precision="int8")
    starter, other = (
        ParseJob(Path("out"), ModelFiles("m", folder, "w", 1, "c"), settings)
        for folder in (STARTER_FOLDER, tiny_model)
    )
    calibration = find_calibration(STARTER_FOLDER)
    assert starter.signature()["precision"] == f"int8 {calibration.digest()}"
    with pytest.raises(ModelError, match="is not calibrated for int8"):
        other.signature()


@pytest.mark.parametrize(("flags", "warned"), [({"avx2"}, True), ({"avx512_vnni"}, False)])
def test_int8_says_where_it_gains_little(monkeypatch, flags, warned):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset(flags))
    assert (int8_caution("int8") is not None) == warned
    assert int8_caution("fp32") is None


@pytest.mark.parametrize(
    ("settings", "size", "said"),
    [
        ({}, 0.5, "parse what is there: add --allow-truncated --rerun failed to m2fp parse"),
        ({"max_pixels": 100}, 1.0, "smaller, or raise the limit: add --max-pixels to m2fp parse"),
    ],
)
def test_a_refused_photo_names_the_option_that_lets_it_in(tmp_path, settings, size, said):
    data = encoded(photo_rgb(64, 64), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data[: int(len(data) * size)])
    job = ParseJob(tmp_path, ModelFiles("a", tmp_path, "", 1, ""), ParseSettings(**settings))
    worker = ParseWorker(job, SimpleNamespace(least_side=None))
    with pytest.raises(ImageError, match=f"{said}$"):
        worker.load(ImageTask(str(tmp_path / "a.jpg"), "a"))


@pytest.mark.parametrize("tiles", [2, np.int64(2), "2"], ids=repr)
def test_results_of_settings_in_numbers_are_read_back(tmp_path, tiny_model, tiles):
    (tmp_path / "a.jpg").write_bytes(encoded(photo_rgb(64, 64), "JPEG"))
    numbers: Any = {"tiles": tiles, "min_score": np.float32(0.5), "flip": np.True_}
    settings = ParseSettings(**numbers, save=("json",))
    job = ParseJob(tmp_path, find_model(str(tiny_model)), settings)
    worker, task = job.build_worker(1), ImageTask(str(tmp_path / "a.jpg"), "a")
    worker.save(task, worker.compute(task, worker.load(task)))
    made_by = read_document((tmp_path / "results" / "a.json").read_bytes()).provenance
    assert (made_by.tiles, made_by.min_score, made_by.flip) == ("2", 0.5, True)
    assert json.loads(json.dumps(job.signature()))["tiles"] == "2"
