"""Two decoders that look at the same places.

M2FP is not continuous: a query looks at a cell if its mask's logit there is at least 0. Where two
programs' logits lie on the two sides of 0, though they differ by rounding alone, the query moves by
up to 1e-3 of its range, and random weights have such cells in nearly every photo. So that all else
can be compared to four digits, our decoder is given the reference's decision in those cells, and
only in those: anywhere else a different decision stays ours and shows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.reference import ReferenceParser

ROUNDING = 1e-5  # of the layer's range of logits


@contextlib.contextmanager
def looking_alike(ours: HumanParser, reference: ReferenceParser) -> Iterator[None]:
    """Parse with the reference first inside this, then as often with ours."""
    theirs: list[Tensor] = []
    decoder = reference._pipeline.model.sem_seg_head.predictor
    fast: Any = ours.network.mask_decoder
    predict, scale = decoder.forward_prediction_heads, fast.scaled_masks

    def record(*arguments: Any, **named: Any) -> Any:
        classes, masks, blocked = predict(*arguments, **named)
        theirs.append(blocked[0].clone())
        return classes, masks, blocked

    def follow(*arguments: Any) -> Tensor:
        logits, blocked = scale(*arguments), theirs.pop(0)
        if len(theirs) % (decoder.num_layers + 1) == 1:
            theirs.pop(0)  # the reference computes one more than it uses
        near = logits.abs() <= ROUNDING * (logits.max() - logits.min())
        return torch.where(near, torch.where(blocked, -1.0, 1.0), logits)

    decoder.forward_prediction_heads, fast.scaled_masks = record, follow
    try:
        yield
    finally:
        del decoder.forward_prediction_heads, fast.scaled_masks
    assert not theirs
