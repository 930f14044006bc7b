"""Which layers compute in int8: those that cost little of the answer for what they save.

What a layer costs is measured, with this layer alone in int8. On the starter the squares of these
errors add up to the square of the error of all together, within a tenth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Error of the pixel decoder's output that all layers may cause together, relative to its norm. In
# bfloat16 it is 0.005 to 0.010 (starter) and 0.009 to 0.010 (R101, random weights).
MOST_ERROR = 0.01
# Kind of layer by name in ``FastM2FP``; the first that matches.
KINDS = {
    "stem": r"backbone\.stem\.",
    "residual sum": r"backbone\..*\.sum$",
    "res2": r"backbone\.stages\.res2\.",
    "res3": r"backbone\.stages\.res3\.",
    "res4": r"backbone\.stages\.res4\.",
    "res5": r"backbone\.stages\.res5\.",
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
    "decoder query": r"mask_decoder\.",
}
IN_FLOAT = frozenset({"decoder query"})  # a hundred rows each: nothing to gain
# Dense layers whose neighbors on both sides compute in float.
BETWEEN_FLOATS = frozenset(
    {
        "input projection",
        "lateral",
        "mask features",
        "encoder value",
        "encoder output",
        "decoder key",
        "decoder value",
    }
)


def kind_of(name: str) -> str:
    """The kind of a layer, from its name in ``FastM2FP``."""
    return next((kind for kind, pattern in KINDS.items() if re.match(pattern, name)), "other")


def candidates(names: Iterable[str]) -> list[str]:
    """Those of these layers that are worth computing in int8."""
    return [name for name in names if kind_of(name) not in IN_FLOAT]
