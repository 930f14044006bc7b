"""A model's numbers, read from the ``configuration.json`` that lies beside its weights.

The file is ModelScope's: its ``model`` section holds the constructor arguments of M2FP. Keys that
are not known here are ignored (newer files stay readable); known keys with a wrong value are named.
Ours, and optional, are ``model.label_map``, ``model.sides``, ``model.mask_edges`` and
``preprocessor``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from m2fp_cli.errors import ModelError
from m2fp_cli.network.backbones import BACKBONES
from m2fp_cli.records.labels import HUMAN, LabelSet

CONFIGURATION_FILE = "configuration.json"
ALL_STAGES = ("res2", "res3", "res4", "res5")


@dataclass(frozen=True)
class BackboneConfig:
    """ResNet with the DeepLab stem, or EfficientNet-Lite.

    Attributes:
        kind: ``resnet``, whose numbers are ModelScope's, or ``efficientnet_lite0`` to ``4``,
            where only ``out_features`` and ``norm`` count.
    """

    kind: str = "resnet"
    out_features: tuple[str, ...] = ALL_STAGES
    depth: int = 101
    num_groups: int = 1
    width_per_group: int = 64
    norm: str = "BN"
    stem_out_channels: int = 128
    res2_out_channels: int = 256
    stride_in_1x1: bool = False
    res4_dilation: int = 1
    res5_dilation: int = 1
    res5_multi_grid: tuple[int, ...] = (1, 1, 1)


@dataclass(frozen=True)
class EncoderConfig:
    """Pixel decoder with deformable attention."""

    in_features: tuple[str, ...] = ALL_STAGES
    transformer_in_features: tuple[str, ...] = ("res3", "res4", "res5")
    transformer_dropout: float = 0.0
    transformer_nheads: int = 8
    transformer_dim_feedforward: int = 1024
    transformer_enc_layers: int = 6
    conv_dim: int = 256
    mask_dim: int = 256
    common_stride: int = 4


@dataclass(frozen=True)
class DecoderConfig:
    """Mask decoder."""

    num_classes: int = 21
    hidden_dim: int = 256
    num_queries: int = 100
    nheads: int = 8
    dim_feedforward: int = 2048
    dec_layers: int = 9
    pre_norm: bool = False
    mask_dim: int = 256
    enforce_input_project: bool = False


@dataclass(frozen=True)
class InputConfig:
    """How a photo is scaled before the network sees it.

    Attributes:
        min_size: length the shortest edge is scaled to, in pixels.
        max_size: bound on the longest edge, in pixels.
        size_divisibility: height and width are padded to a multiple of this.
        crop_hw: single-human models only: the fixed (height, width) a photo is fitted into.
    """

    min_size: int = 640
    max_size: int = 1333
    size_divisibility: int = 32
    crop_hw: tuple[int, int] | None = None


@dataclass(frozen=True)
class ModelConfig:
    """Everything that defines a member of the M2FP family.

    Attributes:
        labels: names of the classes; the human class is part of them if the model has one.
        num_parsing: number of labels of a semantic map, background included.
        single_human: the photo is fitted into ``input.crop_hw`` and holds one person.
        parsing_on: queries are read as part and human instances.
        semantic_on: the per-class map of Mask2Former is computed.
        parsing_ins_score_thr: score from which an instance counts for the label map.
        label_map: ``instances`` (the reference's averaged class maps of instances) or ``queries``
            (Mask2Former's semantic inference: class probability times mask probability, summed).
        sides: ``pixels`` (left and right as the queries say, pixel by pixel) or ``body`` (in the
            label map, a limb or shoe is of the side of its person's body that its centre is on).
        mask_edges: ``network`` (masks as the network gives them) or ``photo`` (they are moved to
            the photo's edges, see :mod:`m2fp_cli.engine.mask_edges`).
        sem_seg_postprocess_before_inference: semantic inference is done on masks at the photo's
            size; otherwise at the network's input size, and the class sums are scaled to the photo.
    """

    labels: LabelSet
    num_parsing: int
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    input: InputConfig = field(default_factory=InputConfig)
    single_human: bool = True
    parsing_on: bool = False
    semantic_on: bool = True
    parsing_ins_score_thr: float = 0.5
    label_map: str = "instances"
    sides: str = "pixels"
    mask_edges: str = "network"
    sem_seg_postprocess_before_inference: bool = True


_Section = TypeVar("_Section")


def read_config(folder: Path) -> ModelConfig:
    """Read ``configuration.json`` of a model folder.

    Raises:
        ModelError: the file is missing, no JSON, or a value in it is wrong; the message names the
            file and the key.
    """
    path = folder / CONFIGURATION_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); a model folder needs it"
        ) from error
    except ValueError as error:
        raise ModelError(f"{path}: is no JSON ({error}); fetch the model again") from error
    try:
        return parse_config(document)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def parse_config(document: Mapping[str, Any]) -> ModelConfig:
    """Build a configuration from the parsed ``configuration.json``.

    Args:
        document: the whole document; its ``model`` object is what counts.

    Raises:
        ModelError: a section is missing or a value is wrong; the message names the key.
    """
    model = document.get("model") if isinstance(document, Mapping) else None
    if not isinstance(model, Mapping):
        raise ModelError('"model" is missing; this is no configuration of an M2FP model')
    kind = model.get("type", "m2fp")
    if kind != "m2fp":
        raise ModelError(f'"model.type" is {kind!r}, only "m2fp" can be run')
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
    _check(config)
    return config


def _section(kind: Callable[..., _Section], parent: Mapping[str, Any], name: str) -> _Section:
    """One dataclass from one JSON object, unknown keys left out."""
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
    """``value`` in the type of ``like``; lists become tuples of the type of its members."""
    if isinstance(like, tuple):
        if not isinstance(value, list) or not value:
            raise ModelError(f'"{key}" must be a list, it is {value!r}')
        return tuple(_typed(key, member, like[0]) for member in value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise ModelError(f'"{key}" must be of type {type(like).__name__}, it is {value!r}')
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise ModelError(f'"{key}" must be at least 1, it is {value}')
    return value


def _scalars(model: Mapping[str, Any]) -> dict[str, Any]:
    """The switches of ``model`` that are given, checked."""
    likes: dict[str, Any] = {
        "single_human": True,
        "parsing_on": True,
        "semantic_on": True,
        "parsing_ins_score_thr": 0.5,
        "label_map": "",
        "sides": "",
        "mask_edges": "",
        "sem_seg_postprocess_before_inference": True,
    }
    given = {key: model[key] for key in likes if model.get(key) is not None}
    return {key: _typed(key, value, likes[key]) for key, value in given.items()}


def _labels(model: Mapping[str, Any], num_classes: int) -> tuple[LabelSet, int]:
    """Label set and the number of map labels.

    Some multi-human configurations list the parts only; the human class then comes after them.
    """
    names = model.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError('"classes" must be a list of names')
    num_parsing = model.get("num_parsing") if model.get("parsing_on") else None
    count = len(names) if num_parsing is None else _typed("num_parsing", num_parsing, 1)
    if num_parsing is not None and len(names) == count:
        names = [*names, HUMAN]
    if len(names) != num_classes:
        raise ModelError(
            f'"classes" names {len(names)} classes, "decoder.num_classes" says {num_classes}'
        )
    human_id = count if num_parsing is not None and count < len(names) else None
    try:
        return LabelSet(tuple(names), human_id), count
    except ValueError as error:
        raise ModelError(f'"classes": {error}') from error


def _input(document: Mapping[str, Any], model: Mapping[str, Any]) -> InputConfig:
    """Scaling of the photo; the defaults are those of ModelScope's pipeline."""
    given = _section(InputConfig, {"input": _without_crop(document)}, "input")
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


def _without_crop(document: Mapping[str, Any]) -> dict[str, Any]:
    section = document.get("preprocessor")
    known = section if isinstance(section, Mapping) else {}
    return {key: value for key, value in known.items() if key in ("min_size", "max_size")}


def _check(config: ModelConfig) -> None:
    """Refuse combinations that cannot be built, naming the key."""
    backbone, encoder, decoder = config.backbone, config.encoder, config.decoder
    known_depths = (14, 26, 50, 101, 152)
    rules = (
        (backbone.kind in BACKBONES, f'"backbone.kind" must be one of {", ".join(BACKBONES)}'),
        (backbone.depth in known_depths, f'"backbone.depth" must be one of {known_depths}'),
        (backbone.norm in ("BN", "GN", "nnSyncBN"), '"backbone.norm" must be BN, GN or nnSyncBN'),
        (set(backbone.out_features) <= set(ALL_STAGES), '"backbone.out_features" must be stages'),
        (
            set(encoder.in_features) <= set(backbone.out_features),
            '"encoder.in_features" names a stage that the backbone does not give',
        ),
        (
            set(encoder.transformer_in_features) <= set(encoder.in_features),
            '"encoder.transformer_in_features" names a stage that is not in "encoder.in_features"',
        ),
        (
            len(encoder.transformer_in_features) >= 3,
            '"encoder.transformer_in_features" must name at least 3 stages',
        ),
        (encoder.conv_dim % 32 == 0, '"encoder.conv_dim" must be a multiple of 32'),
        (
            encoder.conv_dim % encoder.transformer_nheads == 0,
            '"encoder.conv_dim" must be a multiple of "encoder.transformer_nheads"',
        ),
        (
            decoder.hidden_dim % 4 == 0 and decoder.hidden_dim % decoder.nheads == 0,
            '"decoder.hidden_dim" must be a multiple of 4 and of "decoder.nheads"',
        ),
        (encoder.mask_dim == decoder.mask_dim, '"mask_dim" differs between encoder and decoder'),
        (
            config.parsing_on or config.semantic_on,
            '"parsing_on" and "semantic_on" are both off, nothing would come out',
        ),
        (
            config.label_map in ("instances", "queries"),
            '"label_map" must be "instances" or "queries"',
        ),
        (config.sides in ("pixels", "body"), '"sides" must be "pixels" or "body"'),
        (
            config.mask_edges in ("network", "photo"),
            '"mask_edges" must be "network" or "photo"',
        ),
    )
    for holds, message in rules:
        if not holds:
            raise ModelError(message)
