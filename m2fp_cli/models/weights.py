"""Weights: read from a model folder, compared with what a network expects, told apart by digest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2fp_cli.errors import ModelError
from m2fp_cli.models.checkpoint import Checkpoint, check_crcs, damaged, map_file, read_checkpoint
from m2fp_cli.models.folder import CONFIGURATION_NAME, SAFETENSORS_NAME, require_weights

if TYPE_CHECKING:
    import torch

_BLOCK = 1 << 22
# Entries that carry nothing for inference: the loss, counters of batch norm, and the pixel
# statistics, which come from the configuration or are constants of the family.
_IGNORED_PREFIXES = ("criterion.",)
_IGNORED_NAMES = ("num_batches_tracked", "pixel_mean", "pixel_std")
_SHOWN = 3


def load_weights(
    folder: Path, *, keep_dtype: bool = False, verify: bool = True
) -> dict[str, torch.Tensor]:
    """Read a model's weights without running any code that the file may hold.

    The tensors of a ``pytorch_model.pt`` are views of the file, mapped copy-on-write: reading costs
    no copy, several processes share one copy in memory, and writing to a tensor stays private. The
    file must not be changed in place meanwhile; a new download replaces it and does no harm.

    Args:
        folder: model folder.
        keep_dtype: leave half and double precision as stored; otherwise they become float32.
        verify: compare the bytes with the checksums in the file (zip checkpoints have them).

    Returns:
        CPU tensor by state-dict key.

    Raises:
        ModelError: no weights, damaged bytes, or a pickle that holds code.
    """
    path = require_weights(folder)
    if path.name == SAFETENSORS_NAME:
        state = _load_safetensors(path)
    else:
        state = _load_checkpoint(read_checkpoint(path), verify)
    return state if keep_dtype else {key: _as_float32(tensor) for key, tensor in state.items()}


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in a model's weights by state-dict key; torch is not imported.

    Raises:
        ModelError: see :func:`load_weights`.
    """
    path = require_weights(folder)
    if path.name != SAFETENSORS_NAME:
        tensors = read_checkpoint(path).tensors
        return {key: tensor.shape for key, tensor in tensors.items()}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from error


def verify_weights(folder: Path) -> None:
    """Check that a model's weights can be read and agree with the checksums in the file, if any.

    Raises:
        ModelError: see :func:`load_weights`.
    """
    path = require_weights(folder)
    if path.name == SAFETENSORS_NAME:
        read_shapes(folder)
        return
    checkpoint = read_checkpoint(path)
    with map_file(path) as mapped:
        check_crcs(checkpoint, mapped)


def compare_keys(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Check that weights belong to a network: the same keys, each of the same shape.

    Entries without a part in inference (the loss, batch counters, pixel statistics) may be missing
    or left over.

    Args:
        expected: shape by key of the network's state dict.
        found: shape by key of the weights.

    Raises:
        ModelError: they differ; the sentence names the first few differences of each kind.
    """
    wanted = {key: tuple(shape) for key, shape in expected.items() if not _is_ignored(key)}
    given = {key: tuple(shape) for key, shape in found.items() if not _is_ignored(key)}
    shapes = [
        f"{key} is {_shape_text(given[key])} instead of {_shape_text(shape)}"
        for key, shape in wanted.items()
        if key in given and given[key] != shape
    ]
    kinds = {
        "missing": [key for key in wanted if key not in given],
        "not expected": [key for key in given if key not in wanted],
        "of another shape": shapes,
    }
    found_kinds = [_listed(kind, entries) for kind, entries in kinds.items() if entries]
    if found_kinds:
        raise ModelError(
            f"the weights are of another architecture than the configuration: "
            f"{'; '.join(found_kinds)}"
        )


def weights_digest(folder: Path) -> str:
    """SHA-256 of a model's weights file in hexadecimal.

    Computed once a process for one path, size and time of change.

    Raises:
        ModelError: there are no weights, or they cannot be read.
    """
    return _digest(require_weights(folder))


def configuration_digest(folder: Path) -> str:
    """SHA-256 of a model's ``configuration.json`` in hexadecimal; see :func:`weights_digest`.

    Raises:
        ModelError: it cannot be read.
    """
    return _digest(folder / CONFIGURATION_NAME)


def _digest(path: Path) -> str:
    path = path.resolve()
    try:
        stat = path.stat()
        return _file_digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror})") from error


@functools.lru_cache(maxsize=8)
def _file_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from error


def _load_checkpoint(checkpoint: Checkpoint, verify: bool) -> dict[str, torch.Tensor]:
    """Tensors as views of the mapped file, which they keep alive."""
    import torch

    mapped = map_file(checkpoint.path)
    if verify:
        check_crcs(checkpoint, mapped)
    runs: dict[str, torch.Tensor] = {}
    state = {}
    for name, tensor in checkpoint.tensors.items():
        stored, span = tensor.stored, checkpoint.spans[tensor.stored.key]
        dtype = getattr(torch, stored.dtype)
        if stored.numel == 0 or 0 in tensor.shape:
            state[name] = torch.empty(tensor.shape, dtype=dtype)
            continue
        if stored.key not in runs:
            run = torch.frombuffer(mapped, dtype=dtype, count=stored.numel, offset=span.start)
            # torch.save aligns to 64 bytes in a zip; older files are not aligned at all.
            runs[stored.key] = run.clone() if span.start % stored.itemsize else run
        state[name] = runs[stored.key].as_strided(tensor.shape, tensor.stride, tensor.offset)
    return state


def _as_float32(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _is_ignored(key: str) -> bool:
    return key.startswith(_IGNORED_PREFIXES) or key.rpartition(".")[2] in _IGNORED_NAMES


def _listed(kind: str, entries: Sequence[str]) -> str:
    shown = ", ".join(entries[:_SHOWN])
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return f"{len(entries)} {kind} ({shown}{more})"


def _shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"
