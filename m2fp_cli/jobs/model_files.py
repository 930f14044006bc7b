"""Which model a job uses, settled before any process starts; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.engine.int8.calibration import find_calibration
from m2fp_cli.kernels.cpu import AUTO, BF16, INT8, multiplies_int8, settle_precision
from m2fp_cli.models.progress import DownloadProgress
from m2fp_cli.models.registry import default_name, resolve_model
from m2fp_cli.models.weights import configuration_digest, weights_digest


@dataclass(frozen=True)
class ModelFiles:
    """A model on this machine.

    Attributes:
        name: short name, ModelScope id or folder, as the user gave it.
        folder: where its files are, absolute.
        weights: SHA-256 of its weights.
        weights_bytes: size of its weights.
        configuration: SHA-256 of its ``configuration.json``.
    """

    name: str
    folder: Path
    weights: str
    weights_bytes: int
    configuration: str


def find_model(name: str | None = None, progress: DownloadProgress | None = None) -> ModelFiles:
    """Find a model, download it if need be; torch is not imported.

    Args:
        name: short name, ModelScope id or folder; None for ``M2FP_MODEL`` or the default.
        progress: told about a download.

    Raises:
        ModelError: the model is missing or incomplete.
        UsageError: the name means nothing.
    """
    name = name or default_name()
    found = resolve_model(name, progress=progress)
    return ModelFiles(
        name=name,
        folder=found.folder.absolute(),
        weights=weights_digest(found.folder),
        weights_bytes=found.weights.stat().st_size,
        configuration=configuration_digest(found.folder),
    )


def describe_precision(model: ModelFiles, precision: str) -> str:
    """The number format in which a model computes on this machine, for signatures.

    Args:
        model: what computes.
        precision: ``fp32``, ``bf16``, ``int8`` or ``auto``.

    Returns:
        ``fp32``, ``bf16``, or ``int8`` with the digest of the calibration and, if the other layers
        compute in bfloat16, ``bf16``; both decide answers.

    Raises:
        ModelError: the model is not calibrated for int8.
    """
    settled = settle_precision(precision)
    if settled != INT8:
        return settled
    calibration = find_calibration(model.folder)
    # The layers that stay in float decide answers as well, and where there are no units, they
    # compute in float32 whatever the calibration says.
    rest = " bf16" if calibration.rest == BF16 == settle_precision(AUTO) else ""
    return f"{INT8} {calibration.digest()}{rest}"


def int8_caution(precision: str) -> str | None:
    """What to know who asks for int8 on a CPU without instructions for it; None with them."""
    if precision != INT8 or multiplies_int8():
        return None
    return (
        "this CPU has no VNNI, so that int8 takes three instructions for one and gains less; "
        "weights have 7 bits, so that no sum saturates and answers are those of a CPU with VNNI"
    )
