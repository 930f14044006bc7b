"""Weights lie as oneDNN wants them, whatever the size of the map: none is converted slowly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.bfloat16 import needs_bfloat16

# Layers of the published model and the starter whose layout depends on the size, with maps for
# which oneDNN 2.6 wants different ones: outputs, inputs, stride, sizes.
LAYERS = (
    (2048, 1024, 2, ((40, 40), (40, 54), (40, 72))),
    (1024, 512, 2, ((80, 80), (80, 92))),
    (512, 2048, 1, ((20, 20), (20, 27))),
    (288, 256, 1, ((1, 2300), (1, 11340))),
    (720, 120, 1, ((18, 24), (24, 18))),
)
RUN = """
import torch
from m2fp_cli.engine.fast.products import PackedConv
dtype = torch.{dtype}
torch.set_num_threads(2)
with torch.inference_mode():
    for outputs, inputs, stride, sizes in {layers}:
        weight = torch.zeros(outputs, inputs, 1, 1)
        layer = PackedConv(weight, None, ((stride, stride), (0, 0), (1, 1), 1), dtype)
        layer.pack()
        for height, width in sizes:
            x = torch.zeros(1, inputs, height, width, dtype=dtype)
            layer(x.contiguous(memory_format=torch.channels_last))
"""


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)])
def test_no_size_has_weights_converted_by_slow_code(dtype):
    asked = [sys.executable, "-c", RUN.format(dtype=dtype, layers=LAYERS)]
    environment = os.environ | {"ONEDNN_VERBOSE": "1"}
    told = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    assert "exec,cpu,convolution" in told
    assert [line for line in told.splitlines() if "reorder,simple" in line] == []
