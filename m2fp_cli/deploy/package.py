"""A folder with the network for another runtime, and all that is needed to use it."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from m2fp_cli.deploy.onnx import write_onnx_elsewhere
from m2fp_cli.deploy.runtimes import Runner, start_runtime
from m2fp_cli.engine.preprocess import PIXEL_MEAN, PIXEL_STD
from m2fp_cli.errors import EngineError
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.models.registry import KNOWN_MODELS, ModelFolder
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.storage.beforehand import check_folder
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import NamedBytes, write_alone
from m2fp_cli.terminal import displayable
from m2fp_cli.version import __version__

CELL = 4  # pixels of the input per cell of a mask: the decoder's stride
_LONG_SIDE = 1.5  # of the shortest edge: most photos are 3:2 or 4:3
_START = {
    "onnx": 'import onnxruntime\n\nsession = onnxruntime.InferenceSession(folder / "model.onnx")\n'
    'run = lambda image: session.run(None, {"image": image})',
    "openvino": 'import openvino\n\nnetwork = openvino.compile_model(folder / "model.xml", "CPU")\n'
    "run = lambda image: network([image]).values()",
}
_PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
FORMATS = tuple(_START)
_NETWORKS = {"onnx": ("model.onnx",), "openvino": ("model.xml", "model.bin")}
_DESCRIPTION, _EXAMPLE, _README = "model.json", "parse.py", "README.md"


@dataclass(frozen=True)
class Deployed:
    """What was written.

    Attributes:
        folder: where.
        files: names in it.
        input_hw: height and width of the network's input.
        difference: largest difference of a probability between torch and the runtime; None where
            the runtime is not installed here.
    """

    folder: Path
    files: tuple[str, ...]
    input_hw: tuple[int, int]
    difference: float | None


def default_input_hw(config: ModelConfig) -> tuple[int, int]:
    """A size that photos of either orientation are scaled into as the model scales them itself."""
    if config.input.crop_hw is not None:
        return config.input.crop_hw
    side = min(round(_LONG_SIDE * config.input.min_size), config.input.max_size)
    step = config.input.size_divisibility
    return (-(-side // step) * step,) * 2


def deploy_model(
    model: ModelFolder,
    target: Path,
    fmt: str,
    *,
    name: str,
    input_hw: tuple[int, int] | None = None,
) -> Deployed:
    """Write a model for another runtime, and compare it with torch if the runtime is here.

    Args:
        model: the model.
        target: folder; nothing in it is replaced.
        fmt: one of ``FORMATS``.
        name: what the model is called.
        input_hw: height and width of the network's input, multiples of 32; None chooses.

    Raises:
        EngineError: OpenVINO, which converts its own format, is not installed; or the network could
            not be written; or the runtime gives other answers.
        ModelError: the model is damaged.
        ConflictError: a file of one of the names is there already.
        OutputError: the folder cannot be written; both are said before the work.
    """
    _check_target(target, fmt)
    if fmt == "openvino":
        _import_openvino()
    config = read_config(model.folder)
    size_hw = input_hw or default_input_hw(config)
    with tempfile.TemporaryDirectory(prefix="m2fp-deploy-") as text:
        onnx = Path(text) / "model.onnx"
        write_onnx_elsewhere(model.folder, size_hw, onnx)
        paths = [onnx] if fmt == "onnx" else _convert_to_openvino(onnx)
        difference = _compare(model, config, size_hw, paths[0], _PACKAGES[fmt])
        contents = [(path.name, path.read_bytes()) for path in paths]
    info = describe_network(model, config, input_hw, name)
    contents += _texts(info, config, fmt, contents, difference)
    with OutputTree(target, create=True) as tree:
        write_alone(tree, contents)
    return Deployed(target, tuple(name for name, _ in contents), size_hw, difference)


def describe_network(
    model: ModelFolder, config: ModelConfig, input_hw: tuple[int, int] | None, name: str
) -> dict[str, Any]:
    """What a program must know to use the network: the content of ``model.json``.

    Args:
        model: the model.
        config: of it.
        input_hw: size of the input that somebody asked for; None where it was chosen here.
        name: what the model is called.

    Returns:
        among others ``shortest_edge``: pixels that a photo's shorter side is scaled to at most, so
        that a square one fills no input that is laid out for long ones; None without such a bound.
    """
    licenses = {one.name: one.license for one in KNOWN_MODELS}
    size_hw = input_hw or default_input_hw(config)
    is_bounded = input_hw is None and config.input.crop_hw is None
    return {
        "name": name,
        "m2fp": __version__,
        "weights_sha256": weights_digest(model.folder),
        "license": licenses.get(name, "see the model's own card"),
        "input_hw": list(size_hw),
        "shortest_edge": config.input.min_size if is_bounded else None,
        "mean": list(PIXEL_MEAN),
        "std": list(PIXEL_STD),
        "labels": list(config.labels.names),
        "num_labels": config.num_parsing,
        "human_id": config.labels.human_id,
        "foreground_threshold": config.foreground_threshold,
        "person_threshold": max(config.parsing_ins_score_thr, PROBABILITY_THRESHOLD),
        "queries": config.decoder.num_queries,
        "mask_hw": [size_hw[0] // CELL, size_hw[1] // CELL],
    }


def _check_target(target: Path, fmt: str) -> None:
    """Find out before the minutes of work whether all files can be written.

    Raises:
        OutputError: they cannot, or one of their names is taken.
    """
    check_folder(target)
    names = (*_NETWORKS[fmt], _DESCRIPTION, _EXAMPLE, _README)
    taken = next((target / name for name in names if os.path.lexists(target / name)), None)
    if taken is not None:
        raise ConflictError(
            f"{displayable(taken)} is there already; remove it, or choose another folder with -o"
        )


def _import_openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise EngineError(
            f"openvino is not installed ({error}); pip install 'm2fp[openvino]'"
        ) from error
    return openvino


def _convert_to_openvino(onnx: Path) -> list[Path]:
    openvino = _import_openvino()
    target = onnx.with_suffix(".xml")
    openvino.save_model(openvino.convert_model(onnx), target, compress_to_fp16=False)
    return [target, target.with_suffix(".bin")]


def _compare(
    model: ModelFolder, config: ModelConfig, size_hw: tuple[int, int], network: Path, runtime: str
) -> float | None:
    """Largest difference of a probability on a smooth random picture; None without the runtime."""
    try:
        run: Runner = start_runtime(runtime, "fp32", torch.get_num_threads())(network)
    except EngineError:
        return None
    generator = torch.Generator().manual_seed(7)
    small = torch.randn(1, 3, 9, 9, generator=generator)
    image = torch.nn.functional.interpolate(small, size_hw, mode="bicubic", align_corners=False)
    with torch.inference_mode():
        wanted = build_network(model.folder, config)(image)
    classes, masks = (torch.from_numpy(np.asarray(one)) for one in run(image.numpy()))
    apart = (
        (classes.softmax(-1) - wanted.class_logits.softmax(-1)).abs().max(),
        (masks.sigmoid() - wanted.mask_logits.sigmoid()).abs().max(),
    )
    difference = float(max(apart))
    if difference > 0.05:
        raise EngineError(
            f"{runtime} gives other answers than torch: a probability differs by "
            f"{difference:.2f}; another release of it may not"
        )
    return difference


def _texts(
    info: dict[str, Any],
    config: ModelConfig,
    fmt: str,
    contents: list[NamedBytes],
    difference: float | None,
) -> list[NamedBytes]:
    """Description, example and README."""
    package = _PACKAGES[fmt]
    try:
        tested = f"{package} {version(package)}"
    except PackageNotFoundError:
        tested = package
    checked = (
        f"It was not run here, since {package} is not installed."
        if difference is None
        else f"Checked in {tested}: no probability differs from torch's by more than "
        f"{difference:.1e} on a random picture."
    )
    templates = files("m2fp_cli.deploy")
    human = info["human_id"]
    readme = (templates / "readme.txt").read_text(encoding="utf-8").format(
        **{key: info[key] for key in ("name", "mean", "std", "queries", "num_labels")},
        weights=info["weights_sha256"], license=info["license"], version=__version__,
        runtime={"onnx": "ONNX Runtime", "openvino": "OpenVINO"}[fmt],
        network=", ".join(name for name, _ in contents), package=package,
        height=info["input_hw"][0], width=info["input_hw"][1], classes=len(info["labels"]) + 1,
        known=len(info["labels"]), mask_height=info["mask_hw"][0], mask_width=info["mask_hw"][1],
        human_id="of nobody" if human is None else human, threshold=info["person_threshold"],
        edge=_how_large(info["shortest_edge"]),
        background=_when_background_wins(config.foreground_threshold), more=_what_else(config),
        checked=checked,
    )  # fmt: skip
    example = (templates / "parse.txt").read_text(encoding="utf-8").format(runtime=_START[fmt])
    return [
        (_DESCRIPTION, json.dumps(info, indent=1).encode("ascii") + b"\n"),
        (_EXAMPLE, example.encode()),
        (_README, readme.encode()),
    ]


def _how_large(shortest_edge: int | None) -> str:
    """Words for a bound on the shorter side of a scaled photo."""
    return "" if shortest_edge is None else f", its shorter side to {shortest_edge} pixels at most"


def _when_background_wins(foreground_threshold: float | None) -> str:
    """A sentence for a model whose background stands against all labels together."""
    if foreground_threshold is None:
        return ""
    return (
        f" Where the labels but background together have less than {foreground_threshold:g} of all "
        "sums, it is background, elsewhere it is not."
    )


def _what_else(config: ModelConfig) -> str:
    """What m2fp does with this model that the example does not."""
    steps = (
        (config.mask_edges == "photo", "moves the edges of masks to the photo's"),
        (config.sides == "body", "gives limbs their side from the body"),
        (config.sides == "joints", "gives limbs their side from the joints of their person"),
        (config.carried, "takes what people carry out of the label map"),
        (config.label_map == "instances", "paints the label map from whole instances"),
        (config.human_scores == "label_map", "weighs people's scores by the label map"),
    )
    return "".join(f", {text}" for wanted, text in steps if wanted)
