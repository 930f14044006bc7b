"""Compiles the engine's inner loops ahead: ``python -m m2fp_cli.engine.precompile``.

Without it the first photo on a machine takes ten seconds longer, in every worker. numba keeps the
code beside the package, or in the user's cache folder where the installation is read-only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from m2fp_cli.engine.fast.precision import has_fast_bfloat16
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.random_model import build_sharpened, published_document

_SIDE = 96  # of a photo of noise: everything is reached, little is computed


def compile_ahead() -> None:
    """Parse a tiny photo with the bundled model and with a thin one of the published shape.

    In both number formats, if this CPU is fast at the second.
    """
    photo = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    published = build_sharpened(thin_document(), photo)
    for precision in ("fp32", "bf16") if has_fast_bfloat16() else ("fp32",):
        HumanParser("starter", precision=precision).parse(photo)
        HumanParser.from_network(published, precision=precision, flip=True).parse(photo)


def thin_document() -> dict[str, Any]:
    """The published model with few layers and a thin backbone; its loops are the same."""
    document = published_document()
    model = document["model"]
    model["backbone"] |= {"depth": 50, "width_per_group": 8, "stem_out_channels": 16}
    model["backbone"]["res2_out_channels"] = 32
    model["encoder"] |= {"transformer_enc_layers": 1, "transformer_dim_feedforward": 64}
    model["decoder"] |= {"dec_layers": 3, "dim_feedforward": 64}
    document["preprocessor"] = {"min_size": _SIDE, "max_size": _SIDE}
    return document


if __name__ == "__main__":
    compile_ahead()
