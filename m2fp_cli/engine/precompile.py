"""Compiles the engine's inner loops beforehand: ``python -m m2fp_cli.engine.precompile``.

Without it, the first photo on a machine takes half a minute longer in every worker. numba keeps the
code beside the package or, where the installation is read-only, in the user's cache folder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from m2fp_cli.engine.fast.elementwise import Steps, add_maps, convert
from m2fp_cli.engine.fast.precision import choose_dtype, has_fast_bfloat16
from m2fp_cli.engine.int8.calibration import FILE_NAME, read_calibration
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.random_model import build_sharpened, published_document
from m2fp_cli.kernels.resample import Taps, argmax_planes
from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config

_SIDE_PIXELS = 96  # of a photo of noise: small, but it reaches nearly every loop


def compile_ahead() -> None:
    """Parse a tiny photo with the bundled model and with a thin one that has the published shapes.

    Both are run in float32 and, where the CPU has units for it, in bfloat16; the bundled model is
    also run in int8 beside each of them.
    """
    shape = (_SIDE_PIXELS, _SIDE_PIXELS, 3)
    photo = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    published = build_sharpened(thin_document(), photo)
    ranges = read_calibration(STARTER_FOLDER / FILE_NAME).layers
    for precision in ("fp32", "bf16") if has_fast_bfloat16() else ("fp32",):
        HumanParser("starter", precision=precision).parse(photo)
        HumanParser.from_network(published, precision=precision, flip=True).parse(photo)
        starter = build_network(STARTER_FOLDER, read_config(STARTER_FOLDER))
        dtype = choose_dtype(precision)
        HumanParser.from_fast(quantize_network(starter, ranges, dtype)).parse(photo)
        compile_conversions(dtype)
    compile_argmax()


def compile_argmax() -> None:
    """Compile the comparison of labels, which a photo of nobody, such as noise, does not need."""
    taps = Taps.bilinear(2, 4)
    argmax_planes(np.zeros((2, 2, 2), np.float32), taps, taps)


def compile_conversions(dtype: torch.dtype) -> None:
    """Compile the passes between int8 and a float format, of which no model needs all."""
    values = torch.zeros(1, 8, 2, 2, dtype=dtype).contiguous(memory_format=torch.channels_last)
    numbers = convert(values, Steps(1.0, 0))
    convert(numbers, dtype)
    for x, shortcut in ((numbers, numbers), (numbers, values), (values, numbers)):
        add_maps(x, shortcut, dtype, relu=True)
        add_maps(x, shortcut, Steps(1.0, 0), relu=True)
    add_maps(values, values, Steps(1.0, 0), relu=True)


def thin_document() -> dict[str, Any]:
    """``configuration.json`` of the published model with fewer layers and a thin backbone.

    It runs the same compiled loops as the published model.
    """
    document = published_document()
    model = document["model"]
    model["backbone"] |= {"depth": 50, "width_per_group": 8, "stem_out_channels": 16}
    model["backbone"]["res2_out_channels"] = 32
    model["encoder"] |= {"transformer_enc_layers": 1, "transformer_dim_feedforward": 64}
    model["decoder"] |= {"dec_layers": 3, "dim_feedforward": 64}
    document["preprocessor"] = {"min_size": _SIDE_PIXELS, "max_size": _SIDE_PIXELS}
    return document


if __name__ == "__main__":
    compile_ahead()
