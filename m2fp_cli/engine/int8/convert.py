"""Replaces layers of the fast network by their int8 twins."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.products import PackedConv, pack_layers
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.choice import BETWEEN_FLOATS, kind_of
from m2fp_cli.engine.int8.layers import int8_twin
from m2fp_cli.engine.int8.ranges import quantizable_layers
from m2fp_cli.engine.int8.sensitivity import put_layer
from m2fp_cli.errors import ModelError
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.terminal import counted


def quantize_network(
    network: M2FP, ranges: Mapping[str, LayerRanges], dtype: torch.dtype = torch.float32
) -> FastM2FP:
    """Rearrange a built network, with some of its layers in int8.

    Beside bfloat16, dense layers between floats stay in it even if they have ranges: nine layers of
    8,640 rows take 8 ms there, and 12 with torch's int8 operator, which reads float32 (Zen 5).

    Args:
        network: what to rearrange; it is not changed.
        ranges: of the layers that are to compute in int8, by name.
        dtype: number format of the other layers' large products.

    Raises:
        ModelError: the network does not have such a layer.
    """
    exact = FastM2FP(network, pack=False)
    plain, twins = quantizable_layers(exact), {}
    for name, one in ranges.items():
        if name not in plain:
            raise _other_network(f"this one has no {name!r}")
        layer = plain.pop(name)
        if one.means and isinstance(layer, PackedConv):
            width = layer.weight.shape[1] * layer.geometry[3]
            if len(one.means) != width:
                channels = counted(len(one.means), "channel")
                raise _other_network(f"its {name!r} reads {channels}, not {width}")
        if dtype is torch.float32 or kind_of(name) not in BETWEEN_FLOATS:
            twins[name] = int8_twin(layer, one, dtype)
            put_layer(exact, name, twins[name])
        del layer  # the last to hold its float weights
    plain.clear()
    if dtype is torch.float32:
        fast = exact
    else:
        del exact  # and with it its float weights, before all layers are there in another format
        fast = FastM2FP(network, dtype, pack=False)
        for name, twin in twins.items():
            put_layer(fast, name, twin)
    pack_layers(fast)
    fast.format_name = "int8"
    return fast


def _other_network(why: str) -> ModelError:
    return ModelError(
        f"the int8 calibration is of another network ({why}); run m2fp models calibrate again"
    )
