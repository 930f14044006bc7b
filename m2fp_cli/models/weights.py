"""Weights: reads them from a model folder, compares them with a network, gives their digest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2fp_cli.errors import ModelError
from m2fp_cli.models.checkpoint import Checkpoint, check_crcs, damaged, map_file, read_checkpoint
from m2fp_cli.models.folder import CONFIGURATION_NAME, SAFETENSORS_NAME, require_weights
from m2fp_cli.models.pickled import map_tensors

if TYPE_CHECKING:
    import torch

_BLOCK = 1 << 22
# Entries that inference does not need: the loss, counters of batch norm, and the pixel statistics,
# which are the same for all models.
_IGNORED_PREFIXES = ("criterion.",)
_IGNORED_NAMES = ("num_batches_tracked", "pixel_mean", "pixel_std")
_SHOWN = 3  # entries of a long list that an error names


def load_weights(
    folder: Path, *, keep_dtype: bool = False, verify: bool = True
) -> dict[str, torch.Tensor]:
    """Read a model's weights without running any code that the file may hold.

    The tensors of a ``pytorch_model.pt`` are views of the file, mapped copy-on-write: nothing is
    copied, several processes share one copy in memory, and changes to a tensor stay in its process.
    The file must not be changed in place meanwhile. A new download is safe: it replaces the file.

    Args:
        folder: model folder.
        keep_dtype: keep half and double precision as stored; otherwise they become float32.
        verify: compare the bytes with the checksums in the file (zip checkpoints have them).

    Returns:
        CPU tensor by state-dict key.

    Raises:
        ModelError: the weights are missing or damaged, or their pickle contains code.
    """
    path = require_weights(folder)
    if path.name == SAFETENSORS_NAME:
        state = _load_safetensors(path)
    else:
        state = _load_checkpoint(read_checkpoint(path), verify)
    if keep_dtype:
        return state
    return {key: t.float() if t.is_floating_point() else t for key, t in state.items()}


def load_saved(path: Path) -> Any:
    """All that a ``torch.save`` file holds, read without running any code that it may hold.

    Its tensors are views of the file as :func:`load_weights` has them; mappings become dicts.

    Args:
        path: the file: mappings, lists and tuples of tensors, numbers and texts.

    Raises:
        ModelError: it is damaged, or its pickle contains code.
    """
    checkpoint = read_checkpoint(path, whole=True)
    loaded = _load_checkpoint(checkpoint, verify=True)
    tensors = {stored: loaded[number] for number, stored in checkpoint.tensors.items()}
    return map_tensors(checkpoint.content, lambda stored: tensors[stored])


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in a model's weights, by state-dict key; does not import torch.

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
    """Check that a model's weights can be read, and compare them with the file's checksums if any.

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
    """Check that weights fit a network: the same keys, each with the same shape.

    Entries that inference does not need (the loss, batch counters, pixel statistics) are ignored.

    Args:
        expected: shape by key of the network's state dict.
        found: shape by key of the weights.

    Raises:
        ModelError: they differ; the message names the first few differences of each kind.
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
            f"the weights do not fit the configuration ({'; '.join(found_kinds)}); use both files "
            "of one model"
        )


def weights_digest(folder: Path) -> str:
    """SHA-256 of a model's weights file in hexadecimal.

    Computed once a process for each path, size and modification time.

    Raises:
        ModelError: the weights are missing or cannot be read.
    """
    return _digest(require_weights(folder))


def configuration_digest(folder: Path) -> str:
    """SHA-256 of a model's ``configuration.json`` in hexadecimal; see :func:`weights_digest`.

    Raises:
        ModelError: the file cannot be read.
    """
    return _digest(folder / CONFIGURATION_NAME)


def _digest(path: Path) -> str:
    path = path.resolve()
    try:
        stat = path.stat()
        return _file_digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


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
    except (AttributeError, KeyError) as error:
        # Its table of dtypes holds names that this torch does not have, such as 8-bit floats.
        raise ModelError(f"{path} has numbers that torch cannot hold ({error})") from error


def _load_checkpoint(checkpoint: Checkpoint, verify: bool) -> dict[str, torch.Tensor]:
    """Tensors as views of the mapped file, which stays mapped as long as one of them exists."""
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
            # torch.save aligns to 64 bytes in a zip; older files are not aligned.
            runs[stored.key] = run.clone() if span.start % stored.itemsize else run
        state[name] = runs[stored.key].as_strided(tensor.shape, tensor.stride, tensor.offset)
    return state


def _is_ignored(key: str) -> bool:
    return key.startswith(_IGNORED_PREFIXES) or key.rpartition(".")[2] in _IGNORED_NAMES


def _listed(kind: str, entries: Sequence[str]) -> str:
    shown = ", ".join(entries[:_SHOWN])
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return f"{len(entries)} {kind} ({shown}{more})"


def _shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"
