"""Torch's operators on quantized tensors, and which of its two int8 libraries they take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

# Of the two, this one is the faster on every shape of R101 but the 3x3 convolutions with 256
# channels, where both take the same time (Zen 3), and it knows AMX.
LIBRARY = "onednn"
_choosing = threading.Lock()


def int8_operators() -> Any:
    """Torch's operators on quantized tensors."""
    return torch.ops.quantized  # type: ignore[attr-defined]


@contextmanager
def int8_library() -> Iterator[None]:
    """Pack weights for ``LIBRARY`` inside; torch keeps the choice for the whole process.

    So one thread at a time may choose: another would set back what it found, in between.
    """
    engines: Any = torch.backends.quantized
    with _choosing:
        before = engines.engine
        engines.engine = LIBRARY
        try:
            yield
        finally:
            engines.engine = before


class PackedWeights:
    """Weights of one layer for ``LIBRARY``, in each layout that it has wanted so far.

    The layout is settled by the first input. With AVX-512, some layers want another one for inputs
    of another size, to which oneDNN 2.6 cannot convert what is packed already: it fails, with
    "could not create a primitive descriptor for a reorder primitive".

    One thread at a time computes with them, since an input may settle or change the layout.
    """

    def __init__(self, pack: Callable[..., Any], weight: Tensor, bias: Tensor | None) -> None:
        """Pack the weights.

        Args:
            pack: takes quantized weights and a bias.
            weight: quantized.
            bias: float32; None = 0.
        """
        self._pack, self._lock = pack, threading.Lock()
        with int8_library():
            self._layouts = [pack(weight, bias)]

    def run(self, compute: Callable[[Any], Tensor]) -> Tensor:
        """Compute with the first layout that does, which the next call tries first."""
        with self._lock:
            return self._run(compute)

    def _run(self, compute: Callable[[Any], Tensor]) -> Tensor:
        for index, packed in enumerate(self._layouts):
            try:
                out = compute(packed)
            except RuntimeError:
                continue
            self._layouts.insert(0, self._layouts.pop(index))
            return out
        with int8_library():
            fresh = self._pack(*self._layouts[0].unpack())
        out = compute(fresh)
        self._layouts.insert(0, fresh)
        return out
