"""Which layers compute in int8. The sweep in ``training/int8_sweep.py`` is what decides."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Kind of layer by name in ``FastM2FP``; the first that matches.
KINDS = {
    "stem": r"backbone\.stem\.",
    "residual sum": r"backbone\..*\.sum$",
    "depthwise": r"backbone\..*\.depthwise\.",
    "backbone": r"backbone\.",
    "input projection": r"pixel_decoder\.input_proj\.",
    "lateral": r"pixel_decoder\.laterals\.",
    "pyramid output": r"pixel_decoder\.outputs\.",
    "mask features": r"pixel_decoder\.mask_features$",
    "encoder value": r"pixel_decoder\.layers\.\d+\.value$",
    "encoder output": r"pixel_decoder\.layers\.\d+\.output$",
    "encoder linear1": r"pixel_decoder\.layers\.\d+\.linear1$",
    "encoder linear2": r"pixel_decoder\.layers\.\d+\.linear2$",
    "decoder key": r"mask_decoder\.cross\.\d+\.key$",
    "decoder value": r"mask_decoder\.cross\.\d+\.value$",
    "decoder query": r"mask_decoder\.",  # a hundred rows each: nothing to gain
}
IN_FLOAT = frozenset({"decoder query"})


def kind_of(name: str) -> str:
    """The kind of a layer, from its name in ``FastM2FP``."""
    return next(kind for kind, pattern in KINDS.items() if re.match(pattern, name))


def chosen_layers(names: Iterable[str]) -> list[str]:
    """Those of these layers that compute in int8."""
    return [name for name in names if kind_of(name) not in IN_FLOAT]
