"""Reads the pickle inside a PyTorch checkpoint without running any code that it names.

A pickle is a program: it names callables and has them called. Here it gets only the few callables
that rebuild tensors, and these are stand-ins that record their arguments. Every other name is an
error before anything is imported. ``torch.load(weights_only=True)`` of torch 1.13.1 follows the
same idea, but it fails on plain floats and is affected by CVE-2025-32434.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from m2fp_cli.errors import ModelError

# Name of the torch dtype and bytes an element, by the storage class that the pickle names.
STORAGE_DTYPES = {
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "DoubleStorage": ("float64", 8),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}
# Objects that checkpoints of training runs hold beside their weights; ignored, not an error.
_INERT_NAMES = {
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
    ("torch", "device"),
    ("torch", "Size"),
}
# Keys under which a checkpoint may hold its state dict; the hub's M2FP uses the first.
_STATE_NAMES = ("model", "state_dict")


class UnsafePickleError(ModelError):
    """The pickle names a callable other than those that rebuild tensors."""


# The records are named tuples and the stand-ins have no attributes, because a pickle can set the
# attributes of an object.
class StoredBytes(NamedTuple):
    """A run of elements of one dtype in the file.

    Attributes:
        key: name of the run in the file.
        dtype: name of the torch dtype.
        itemsize: bytes an element.
        numel: elements in the run.
    """

    key: str
    dtype: str
    itemsize: int
    numel: int

    @property
    def nbytes(self) -> int:
        """Length of the run in bytes."""
        return self.numel * self.itemsize


class StoredTensor(NamedTuple):
    """A tensor as a view of a run.

    Attributes:
        stored: the run; the view never reaches beyond it.
        offset: first element of the view.
        shape: sizes.
        stride: strides in elements.
    """

    stored: StoredBytes
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Pickled(NamedTuple):
    """One pickle that was read.

    Attributes:
        content: the object, with ``StoredTensor`` in place of tensors.
        runs: every run of elements that it names, by key.
    """

    content: Any
    runs: Mapping[str, StoredBytes]


class _StorageClass(NamedTuple):
    """Stands in for a storage class, which a pickle names only in persistent ids."""

    dtype: str
    itemsize: int


class _Inert:
    """Stands in for an object that is not needed: accepts any call and any state, does nothing."""

    __slots__ = ()

    def __call__(self, *_arguments: object, **_named: object) -> _Inert:
        return self

    def __setstate__(self, _state: object) -> None:
        return


class _RebuildTensor:
    """Stands in for ``torch._utils._rebuild_tensor`` and its second version."""

    __slots__ = ()

    def __call__(self, stored: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
        if not isinstance(stored, StoredBytes):
            raise ValueError("a tensor is not built on a storage")
        tensor = StoredTensor(stored, offset, tuple(shape), tuple(stride))
        _check_inside(tensor)
        return tensor


class _RebuildParameter:
    """Stands in for ``torch._utils._rebuild_parameter``; gives the tensor inside."""

    __slots__ = ()

    def __call__(self, tensor: Any, *_: Any) -> Any:
        return tensor


_STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _RebuildTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): _StorageClass(*kind) for name, kind in STORAGE_DTYPES.items()},
    **{name: _Inert() for name in _INERT_NAMES},
}


class TensorUnpickler(pickle.Unpickler):
    """An unpickler that can build dicts, lists, numbers, strings and :class:`StoredTensor`.

    The names in a pickle are looked up in a table and never imported. Nothing in the table has a
    side effect or can be changed by the pickle.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read from a file; ``runs`` collects the runs of elements that the pickle names."""
        super().__init__(file)
        self.runs: dict[str, StoredBytes] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Look a name up in the table; called by ``pickle``.

        Raises:
            UnsafePickleError: the table does not have it.
        """
        try:
            return _STAND_INS[module_name, global_name]
        except KeyError:
            raise UnsafePickleError(f"{module_name}.{global_name}") from None

    def persistent_load(self, pid: Any) -> StoredBytes:
        """Record a run of elements; called by ``pickle``.

        Raises:
            ValueError: the id is not what ``torch.save`` writes.
        """
        kind, storage_class, key, _location, numel = pid[:5]
        if kind != "storage" or not isinstance(storage_class, _StorageClass):
            raise ValueError("a persistent object is not a storage")
        if type(key) is not str or type(numel) is not int or numel < 0:
            raise ValueError("a storage has no name or no length")
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("a storage is a view of another one")
        run = StoredBytes(key, storage_class.dtype, storage_class.itemsize, numel)
        if self.runs.setdefault(key, run) != run:
            raise ValueError("a storage has two lengths or dtypes")
        return run


def read_pickle(file: BinaryIO) -> Pickled:
    """Read one pickle; the file is then positioned right behind it.

    Raises:
        UnsafePickleError: it names a callable that is not in the table; the message is that name.
        Exception: any class, if the bytes are damaged.
    """
    unpickler = TensorUnpickler(file)
    return Pickled(unpickler.load(), unpickler.runs)


def find_state_dict(content: Any) -> dict[str, StoredTensor]:
    """The tensors of a checkpoint: its own, or those under ``model`` or ``state_dict``.

    Raises:
        ValueError: it has no tensors.
    """
    if isinstance(content, Mapping):
        inner = next(
            (content[n] for n in _STATE_NAMES if isinstance(content.get(n), Mapping)), None
        )
        state = dict(content if inner is None else inner)
        tensors = {k: v for k, v in state.items() if isinstance(v, StoredTensor)}
        if tensors and all(type(key) is str for key in tensors):
            return tensors
    raise ValueError("it has no tensors")


def map_tensors(content: Any, found: Callable[[StoredTensor], Any]) -> Any:
    """What a pickle holds, with something else in place of each of its tensors.

    Args:
        content: of :func:`read_pickle`: mappings, lists and tuples in each other.
        found: called with each tensor.

    Raises:
        RecursionError: they lie in each other too deep, or in a circle.
    """
    if isinstance(content, StoredTensor):
        return found(content)
    if isinstance(content, Mapping):
        return {key: map_tensors(value, found) for key, value in content.items()}
    if type(content) in (list, tuple):
        return type(content)(map_tensors(value, found) for value in content)
    return content


def _check_inside(tensor: StoredTensor) -> None:
    """Check that a view stays inside its run.

    Raises:
        ValueError: it does not, or a number is negative or not an integer.
    """
    numbers = (tensor.offset, *tensor.shape, *tensor.stride)
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("a tensor has a size that is negative or not an integer")
    if len(tensor.shape) != len(tensor.stride):
        raise ValueError("a tensor does not have one stride for each size")
    if 0 in tensor.shape:
        return
    steps = zip(tensor.shape, tensor.stride, strict=True)
    if tensor.offset + sum((size - 1) * step for size, step in steps) >= tensor.stored.numel:
        raise ValueError("a tensor reaches beyond its data")
