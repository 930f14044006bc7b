"""A model's numbers, read from the ``configuration.json`` beside its weights.

The file has ModelScope's format: its ``model`` section holds the constructor arguments of M2FP.
Unknown keys are ignored, so that newer files stay readable; a wrong value of a known key is an
error that names the key. ``model.backbone.kind``, ``model.label_map``,
``model.foreground_threshold``, ``model.human_scores``, ``model.sides``, ``model.carried``,
``model.mask_edges`` and ``preprocessor`` are our own additions and optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from m2fp_cli.errors import ModelError
from m2fp_cli.jsonio import read_json
from m2fp_cli.network.config_rules import check_config
from m2fp_cli.network.model_config import (
    BackboneConfig,
    DecoderConfig,
    EncoderConfig,
    InputConfig,
    ModelConfig,
)
from m2fp_cli.records.labels import HUMAN, LabelSet
from m2fp_cli.terminal import counted

CONFIGURATION_FILE = "configuration.json"

# A configuration may come from a stranger: these keep what a photo takes within bounds. What the
# network itself takes is bounded by the weights, see ``network.build``.
_MAX_SIZES = {"input.min_size": 4096, "input.max_size": 8192, "sizes": 4096}
_MAX_NUMBER = 1 << 16

_Section = TypeVar("_Section")


def read_config(folder: Path) -> ModelConfig:
    """Read ``configuration.json`` of a model folder.

    Raises:
        ModelError: the file is missing or not JSON, or a value in it is wrong; the message names
            the file and the key.
    """
    try:
        return parse_config(read_document(folder))
    except ModelError as error:
        raise ModelError(f"{folder / CONFIGURATION_FILE}: {error}") from error


def read_document(folder: Path) -> dict[str, Any]:
    """Read ``configuration.json`` of a model folder, without looking into it.

    Raises:
        ModelError: the file is missing or is not a JSON object; the message does not name it.
    """
    try:
        document = read_json(folder / CONFIGURATION_FILE)
    except OSError as error:
        raise ModelError(
            f"cannot be read ({error.strerror}); a model folder needs this file"
        ) from error
    except ValueError as error:
        raise ModelError(f"{error}; download the model again") from error
    if not isinstance(document, dict):
        raise ModelError("is not a JSON object; download the model again")
    return document


def parse_config(document: Mapping[str, Any]) -> ModelConfig:
    """Build a configuration from the parsed ``configuration.json``.

    Args:
        document: the whole document, with its ``model`` section.

    Raises:
        ModelError: a section is missing or a value is wrong; the message names the key.
    """
    model = document.get("model") if isinstance(document, Mapping) else None
    if not isinstance(model, Mapping):
        raise ModelError('"model" is missing; this is not the configuration of an M2FP model')
    kind = model.get("type", "m2fp")
    if kind != "m2fp":
        raise ModelError(f'"model.type" is {kind!r}; only "m2fp" is supported')
    backbone = _section(BackboneConfig, model, "backbone")
    encoder = _section(EncoderConfig, model, "encoder")
    decoder = _section(DecoderConfig, model, "decoder")
    labels, num_parsing = _labels(model, decoder.num_classes)
    config = ModelConfig(
        labels=labels,
        num_parsing=num_parsing,
        backbone=backbone,
        encoder=encoder,
        decoder=decoder,
        input=_input(document, model),
        **_scalars(model),
    )
    check_config(config)
    return config


def _section(kind: Callable[..., _Section], parent: Mapping[str, Any], name: str) -> _Section:
    """Build a dataclass from one JSON object; unknown keys are ignored."""
    given = parent.get(name) or {}
    if not isinstance(given, Mapping):
        raise ModelError(f'"{name}" must be an object, it is {type(given).__name__}')
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name in given:
            default = item.default if item.default is not MISSING else None
            values[item.name] = _typed(f"{name}.{item.name}", given[item.name], default)
    return kind(**values)


def _typed(key: str, value: Any, like: Any) -> Any:
    """``value``, checked to have the type of ``like``; lists become tuples."""
    if isinstance(like, tuple):
        if not isinstance(value, list) or not value:
            raise ModelError(f'"{key}" must be a list, it is {value!r}')
        return tuple(_typed(key, member, like[0]) for member in value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise ModelError(f'"{key}" must be of type {type(like).__name__}, it is {value!r}')
    if isinstance(value, int) and not isinstance(value, bool):
        most = _MAX_SIZES.get(key, _MAX_NUMBER)
        if not 1 <= value <= most:
            raise ModelError(f'"{key}" must be from 1 to {most}, it is {value}')
    return value


def _scalars(model: Mapping[str, Any]) -> dict[str, Any]:
    """The values of ``model`` that are given and not a section, checked."""
    likes: dict[str, Any] = {
        "single_human": True,
        "parsing_on": True,
        "semantic_on": True,
        "parsing_ins_score_thr": 0.5,
        "label_map": "",
        "foreground_threshold": 0.5,
        "human_scores": "",
        "sides": "",
        "carried": True,
        "mask_edges": "",
        "sem_seg_postprocess_before_inference": True,
    }
    given = {key: model[key] for key in likes if model.get(key) is not None}
    return {key: _typed(key, value, likes[key]) for key, value in given.items()}


def _labels(model: Mapping[str, Any], num_classes: int) -> tuple[LabelSet, int]:
    """The label set, and the number of labels of a label map.

    Some multi-human configurations list only the parts; the human class then follows them.
    """
    names = model.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError('"classes" must be a list of names')
    num_parsing = model.get("num_parsing") if model.get("parsing_on") else None
    count = len(names) if num_parsing is None else _typed("num_parsing", num_parsing, 1)
    listed, human = counted(len(names), "name"), ""
    if num_parsing is not None and len(names) == count:
        names, human = [*names, HUMAN], f' and "num_parsing" adds {HUMAN}'
    if len(names) != num_classes:
        raise ModelError(
            f'"classes" lists {listed}{human}, but "decoder.num_classes" is {num_classes}'
        )
    human_id = count if num_parsing is not None and count < len(names) else None
    try:
        return LabelSet(tuple(names), human_id), count
    except ValueError as error:
        raise ModelError(f'"classes": {error}') from error


def _input(document: Mapping[str, Any], model: Mapping[str, Any]) -> InputConfig:
    """How a photo is scaled; the defaults are those of ModelScope's pipeline."""
    section = document.get("preprocessor")
    known = section if isinstance(section, Mapping) else {}
    limits = {key: value for key, value in known.items() if key in ("min_size", "max_size")}
    given = _section(InputConfig, {"input": limits}, "input")
    if not model.get("single_human", True):
        return given
    sizes = model.get("input_single_human")
    try:
        width, height = sizes["sizes"][0]  # type: ignore[index]
        crop_hw = (_typed("sizes", height, 1), _typed("sizes", width, 1))
    except (TypeError, KeyError, IndexError, ValueError):
        raise ModelError(
            f'"input_single_human.sizes" must hold a (width, height), it is {sizes!r}'
        ) from None
    return InputConfig(given.min_size, given.max_size, given.size_divisibility, crop_hw)
