"""What set-up compiles ahead is what a photo needs."""

from __future__ import annotations

from typing import Any

import pytest

from m2fp_cli.engine import label_votes, mask_edges, thresholding
from m2fp_cli.engine.fast import attention, elementwise, norms, pooling, sampling
from m2fp_cli.engine.precompile import compile_ahead, thin_document
from m2fp_cli.engine.random_model import published_document
from m2fp_cli.kernels import horizontal, resample
from m2fp_cli.network.config import parse_config


def test_the_thin_model_has_the_published_loops():
    thin, published = (parse_config(d) for d in (thin_document(), published_document()))
    assert thin.labels == published.labels
    assert thin.encoder.conv_dim == published.encoder.conv_dim
    assert thin.encoder.transformer_nheads == published.encoder.transformer_nheads
    assert thin.decoder.hidden_dim == published.decoder.hidden_dim


@pytest.fixture(scope="module")
def compiled():
    compile_ahead()


@pytest.mark.parametrize(
    "module",
    [
        mask_edges,
        horizontal,
        resample,
        label_votes,
        thresholding,
        attention,
        norms,
        pooling,
        elementwise,
    ],
)
def test_every_cached_loop_is_compiled(compiled, module):
    loops = [f for f in vars(module).values() if getattr(f, "targetoptions", {}).get("nogil")]
    cached = [f for f in loops if f.stats.cache_path and f.__module__ == module.__name__]
    assert cached
    assert [f.__name__ for f in cached if not f.signatures] == []


def test_the_sampler_is_compiled_for_both_widths(compiled):
    sizes = {(16, 12), (32, 12)}  # channels a head, samples: the starter's and the published one's
    for depth, samples in sizes:
        sampler: Any = sampling._sampler(depth, samples)
        assert sampler.signatures
