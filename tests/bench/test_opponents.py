"""The network in other runtimes: the same answer, and one line where a runtime is missing."""

from __future__ import annotations

import sys

import pytest
import torch

from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.probe import build_engine
from m2fp_cli.bench.runtimes import exported
from m2fp_cli.bench.runtimes.exported import ExportedParser
from m2fp_cli.deploy.runtimes import RUNTIMES
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import EngineError
from m2fp_cli.records.masks import mask_iou
from tests.support.family import photo_of_size


@pytest.mark.slow  # torch takes 10 s and more to export even this network
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_another_runtime_gives_the_same_answer(runtime, tiny_model):
    pytest.importorskip(runtime)
    theirs = build_engine(ProbeOrder(runtime, str(tiny_model), "fp32", 1))
    photo = photo_of_size(70, 90)
    found, wanted = theirs.parse(photo), HumanParser(tiny_model).parse(photo)
    assert (found.semantic_map == wanted.semantic_map).mean() > 0.999
    assert len(found.instances) == len(wanted.instances) > 0
    for one, other in zip(found.instances, wanted.instances, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert mask_iou(one.mask, other.mask) > 0.99
    assert theirs.last_seconds.network > 0


def test_a_missing_runtime_is_one_line(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match=r"openvino is not installed .*m2fp\[openvino\]"):
        ExportedParser(tiny_model, "openvino")


@pytest.mark.parametrize(
    ("runtime", "precision", "dtype"),
    [("openvino", "bf16", torch.bfloat16), ("openvino", "fp32", torch.float32),
     ("onnxruntime", "bf16", torch.float32)],
)  # fmt: skip
def test_the_format_that_is_measured_is_said(tiny_model, monkeypatch, runtime, precision, dtype):
    monkeypatch.setattr(exported, "start_runtime", lambda *_: None)
    assert ExportedParser(tiny_model, runtime, precision=precision).dtype is dtype
