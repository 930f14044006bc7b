"""What a model folder holds: a configuration and one file of weights."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.errors import ModelError

CONFIGURATION_NAME = "configuration.json"
SAFETENSORS_NAME = "model.safetensors"
PYTORCH_NAME = "pytorch_model.pt"
# In order of preference; ModelScope's own loader knows the second name alone.
WEIGHTS_NAMES = (SAFETENSORS_NAME, PYTORCH_NAME)
HUB_FILES = (CONFIGURATION_NAME, *WEIGHTS_NAMES)


def find_configuration(folder: Path) -> Path | None:
    """Path of the configuration in a model folder; None where there is none."""
    path = folder / CONFIGURATION_NAME
    return path if _has_bytes(path) else None


def find_weights(folder: Path) -> Path | None:
    """Path of the weights in a model folder; None where there are none, or only an empty file."""
    for name in WEIGHTS_NAMES:
        if _has_bytes(folder / name):
            return folder / name
    return None


def is_complete(folder: Path) -> bool:
    """Whether a folder holds both a configuration and weights. Their bytes are not looked at."""
    return find_configuration(folder) is not None and find_weights(folder) is not None


def entries_of(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it is not there or cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def require_weights(folder: Path) -> Path:
    """Path of the weights in a model folder.

    Raises:
        ModelError: there are none.
    """
    weights = find_weights(folder)
    if weights is None:
        raise ModelError(f"{folder} holds no weights ({' or '.join(WEIGHTS_NAMES)})")
    return weights


def require_complete(folder: Path) -> tuple[Path, Path]:
    """Paths of configuration and weights in a model folder.

    Raises:
        ModelError: one of them is missing; the sentence names it.
    """
    configuration = find_configuration(folder)
    if configuration is None:
        raise ModelError(
            f"{folder} holds no {CONFIGURATION_NAME}; a model folder needs it beside its weights"
        )
    return configuration, require_weights(folder)


def _has_bytes(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
