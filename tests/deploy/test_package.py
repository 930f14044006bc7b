"""A model for programs without torch: what is written, and that the example reads it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.deploy import package
from m2fp_cli.deploy.package import default_input_hw, deploy_model
from m2fp_cli.errors import EngineError, OutputError
from m2fp_cli.models.registry import resolve_model
from m2fp_cli.network.config import read_config
from m2fp_cli.storage.errors import ConflictError

STUB = """
import numpy as np
class InferenceSession:
    def __init__(self, path):
        assert path.name == "model.onnx" and path.read_bytes() == b"network"
    def run(self, names, inputs):
        image = inputs["image"]
        assert image.shape == (1, 3, {height}, {width}) and image.dtype == np.float32
        np.save("{seen}", image)
        return [np.load("{classes}"), np.load("{masks}")]
"""


@pytest.fixture
def written(tiny_model, tmp_path, monkeypatch):
    """The folder of a model whose network is not really exported, which takes minutes."""
    monkeypatch.setattr(
        package, "write_onnx_elsewhere", lambda _folder, _size, path: path.write_bytes(b"network")
    )
    monkeypatch.setattr(package, "start_runtime", missing)
    model = resolve_model(str(tiny_model))
    return deploy_model(model, tmp_path / "out", "onnx", name="tiny")


def missing(*_):
    from m2fp_cli.errors import EngineError

    raise EngineError("not installed")


def test_the_folder_has_all_that_is_needed(written, tiny_model):
    assert set(written.files) == {"model.onnx", "model.json", "parse.py", "README.md"}
    assert written.difference is None
    info = json.loads((written.folder / "model.json").read_text())
    config = read_config(tiny_model)
    assert info["labels"] == list(config.labels.names)
    assert info["input_hw"] == list(default_input_hw(config))
    readme = (written.folder / "README.md").read_text()
    assert "was not run here" in readme
    assert "{" not in readme


def test_nothing_is_replaced(written, tiny_model):
    with pytest.raises(ConflictError, match=r"model\.onnx"):
        deploy_model(resolve_model(str(tiny_model)), written.folder, "onnx", name="tiny")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("out/README.md", r"out/README\.md is there already; remove it"),
        ("out", "out: a part of this path is a file"),
    ],
)
def test_what_is_in_the_way_is_said_before_the_work(tiny_model, tmp_path, monkeypatch, place, said):
    monkeypatch.setattr(package, "write_onnx_elsewhere", lambda *_: pytest.fail("worked"))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    with pytest.raises(OutputError, match=said):
        deploy_model(resolve_model(str(tiny_model)), tmp_path / "out", "onnx", name="tiny")


def test_openvino_is_asked_for_before_the_work(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(package, "write_onnx_elsewhere", lambda *_: pytest.fail("worked"))
    with pytest.raises(EngineError, match="openvino is not installed"):
        deploy_model(resolve_model(str(tiny_model)), tmp_path / "out", "openvino", name="tiny")


def test_the_example_parses_with_numpy_and_a_runtime_alone(written, tmp_path):
    info = json.loads((written.folder / "model.json").read_text())
    (height, width), queries = info["input_hw"], info["queries"]
    rows, columns = info["mask_hw"]
    classes = np.full((1, queries, len(info["labels"]) + 1), -9.0, np.float32)
    classes[0, :, -1] = 9  # nothing, but for two queries
    masks = np.full((1, queries, rows, columns), -9.0, np.float32)
    for query, (label, area) in enumerate(((0, np.s_[:, :]), (3, np.s_[: rows // 2, :]))):
        classes[0, query, -1], classes[0, query, label] = -9, 9 + query
        masks[0, query][area] = 3 + query
    names = {name: tmp_path / f"{name}.npy" for name in ("seen", "classes", "masks")}
    np.save(names["classes"], classes)
    np.save(names["masks"], masks)
    (tmp_path / "stub").mkdir()
    stub = STUB.format(height=height, width=width, **names)
    (tmp_path / "stub" / "onnxruntime.py").write_text(stub)
    Image.new("RGB", (40, 100), (124, 116, 104)).save(tmp_path / "photo.png")
    answer = run_example(written.folder, tmp_path)
    with Image.open(tmp_path / "labels.png") as image:
        labels = np.asarray(image)
    assert labels.shape == (100, 40)
    assert (labels[:48] == 3).all()
    assert (labels[52:] == 0).all()
    assert (np.load(names["seen"])[:, :, :, width // 2 :] == 0).all()  # beside an upright photo
    assert np.abs(np.load(names["seen"])[0, :, :, 0]).max() < 0.02  # the mean color is 0
    assert info["labels"][3] in answer


def test_a_square_photo_is_as_large_in_the_example_as_the_model_scales_it(written, tmp_path):
    """Filling an input laid out for 3:2 would enlarge people by half; and no warning is shown."""
    info = json.loads((written.folder / "model.json").read_text())
    (height, width), queries = info["input_hw"], info["queries"]
    edge = info["shortest_edge"]
    assert edge < height == width
    names = {name: tmp_path / f"{name}.npy" for name in ("seen", "classes", "masks")}
    np.save(names["classes"], np.zeros((1, queries, len(info["labels"]) + 1), np.float32))
    np.save(names["masks"], np.full((1, queries, *info["mask_hw"]), -999.0, np.float32))
    (tmp_path / "stub").mkdir()
    stub = STUB.format(height=height, width=width, **names)
    (tmp_path / "stub" / "onnxruntime.py").write_text(stub)
    Image.new("RGB", (100, 100), (255, 255, 255)).save(tmp_path / "photo.png")
    run_example(written.folder, tmp_path)
    filled = np.load(names["seen"])[0, 0] != 0
    assert (filled.any(axis=0).sum(), filled.any(axis=1).sum()) == (edge, edge)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photo.png"], "usage: python .*parse.py PHOTO LABELS.png"),
        (["photo.png", "other.jpg"], "other.jpg is there already; remove it, or name another file"),
        (["photo.png", "new/labels.png"], "new is no folder; make it first"),
        (["other.jpg", "labels.png"], r"other.jpg cannot be read as a photo \(.*\)"),
        (["none.jpg", "labels.png"], r"none.jpg cannot be read as a photo \(.*\)"),
    ],
)
def test_the_example_says_in_one_line_what_is_wrong(written, tmp_path, words, said):
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    (tmp_path / "other.jpg").write_bytes(b"somebody's")
    ran = start_example(written.folder, tmp_path, *words)
    assert ran.returncode == 1
    assert re.fullmatch(said + "\n", ran.stderr)
    assert (tmp_path / "other.jpg").read_bytes() == b"somebody's"


def run_example(folder: Path, place: Path) -> str:
    ran = start_example(folder, place, "photo.png", "labels.png")
    ran.check_returncode()
    return ran.stdout


def start_example(folder: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(folder / "parse.py"), *words]
    path = {"PYTHONPATH": str(place / "stub"), "PATH": ""}
    return subprocess.run(command, cwd=place, env=path, capture_output=True, text=True, check=False)


@pytest.mark.slow  # torch takes 10 s and more to export even this network
@pytest.mark.parametrize(("fmt", "runtime"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_runtime_gives_the_probabilities_of_torch(tiny_model, tmp_path, fmt, runtime):
    pytest.importorskip(runtime)
    model = resolve_model(str(tiny_model))
    done = deploy_model(model, tmp_path / "out", fmt, name="tiny", input_hw=(64, 96))
    assert done.difference is not None
    assert done.difference < 1e-3
