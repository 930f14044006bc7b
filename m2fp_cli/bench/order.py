"""What a measuring process is to run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProbeOrder:
    """An engine and how to run it.

    Attributes:
        engine: ``fast``, ``reference``, ``onnxruntime`` or ``openvino``.
        model: name or folder of the model.
        precision: number format of the fast engine and of OpenVINO.
        threads: cores.
    """

    engine: str
    model: str
    precision: str
    threads: int
