"""The walk through the stages of a backbone, the same for all of them and for their fast twins."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torch import Tensor, nn


def walk_stages(
    x: Tensor, stages: Iterable[tuple[str, nn.Module]], wanted: Collection[str]
) -> dict[str, Tensor]:
    """Run stage after stage.

    Args:
        x: (N, C, h, w) what the stem gives.
        stages: names and modules, in the order in which they follow each other.
        wanted: names of the stages whose feature maps are given back.

    Returns:
        Feature maps by stage name.
    """
    features: dict[str, Tensor] = {}
    for name, stage in stages:
        x = stage(x)
        if name in wanted:
            features[name] = x
    return features
