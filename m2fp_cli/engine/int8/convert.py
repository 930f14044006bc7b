"""Replaces layers of the fast network by their int8 twins."""

from __future__ import annotations

from collections.abc import Mapping

from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.products import PackedConv, pack_layers
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.layers import int8_twin
from m2fp_cli.engine.int8.ranges import quantizable_layers
from m2fp_cli.engine.int8.sensitivity import put_layer
from m2fp_cli.errors import ModelError
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.terminal import counted


def quantize_network(network: M2FP, ranges: Mapping[str, LayerRanges]) -> FastM2FP:
    """Rearrange a built network, with some of its layers in int8.

    Args:
        network: what to rearrange; it is not changed.
        ranges: of the layers that are to compute in int8, by name.

    Raises:
        ModelError: the network does not have such a layer.
    """
    fast = FastM2FP(network, pack=False)
    plain = quantizable_layers(fast)
    for name, one in ranges.items():
        if name not in plain:
            raise _other_network(f"this one has no {name!r}")
        layer = plain[name]
        if one.means and isinstance(layer, PackedConv):
            width = layer.weight.shape[1] * layer.geometry[3]
            if len(one.means) != width:
                channels = counted(len(one.means), "channel")
                raise _other_network(f"its {name!r} reads {channels}, not {width}")
        put_layer(fast, name, int8_twin(layer, one))
        del plain[name], layer  # the last to hold its float weights
    pack_layers(fast)
    fast.format_name = "int8"
    return fast


def _other_network(why: str) -> ModelError:
    return ModelError(
        f"the int8 calibration is of another network ({why}); run m2fp models calibrate again"
    )
