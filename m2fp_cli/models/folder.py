"""The files of a model folder: a configuration and one file of weights."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.errors import ModelError
from m2fp_cli.layout import FINETUNE_RECORD

CONFIGURATION_NAME = "configuration.json"
SAFETENSORS_NAME = "model.safetensors"
PYTORCH_NAME = "pytorch_model.pt"
# In order of preference; ModelScope's own loader reads only the second.
WEIGHTS_NAMES = (SAFETENSORS_NAME, PYTORCH_NAME)
HUB_FILES = (CONFIGURATION_NAME, *WEIGHTS_NAMES)


def find_configuration(folder: Path) -> Path | None:
    """Path of the configuration in a model folder; None if it is missing or empty."""
    path = folder / CONFIGURATION_NAME
    return path if _has_bytes(path) else None


def find_weights(folder: Path) -> Path | None:
    """Path of the weights in a model folder; None if they are missing or empty."""
    for name in WEIGHTS_NAMES:
        if _has_bytes(folder / name):
            return folder / name
    return None


def is_complete(folder: Path) -> bool:
    """Whether a folder has a configuration and weights that are not empty; they are not read."""
    return find_configuration(folder) is not None and find_weights(folder) is not None


def list_folder(folder: Path) -> list[Path]:
    """The entries of a folder, sorted; none if it is missing or cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def require_weights(folder: Path) -> Path:
    """Path of the weights in a model folder.

    Raises:
        ModelError: they are missing or empty.
    """
    weights = find_weights(folder)
    if weights is None:
        names = " or ".join(WEIGHTS_NAMES)
        raise ModelError(f"{folder} has no weights; a model folder needs {names}")
    return weights


def require_complete(folder: Path) -> tuple[Path, Path]:
    """Paths of configuration and weights in a model folder.

    Raises:
        ModelError: one of them is missing; the message names it.
    """
    configuration = find_configuration(folder)
    if configuration is None and (folder / FINETUNE_RECORD).is_file():
        raise ModelError(
            f"{folder} holds a run of m2fp finetune that has not ended, and no model yet; the same "
            "m2fp finetune command goes on with it"
        )
    if configuration is None:
        raise ModelError(
            f"{folder} has no {CONFIGURATION_NAME}; a model folder needs it beside its weights"
        )
    return configuration, require_weights(folder)


def _has_bytes(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
