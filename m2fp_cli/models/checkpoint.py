"""Finds the tensors in a PyTorch checkpoint file, zip or older, and where their bytes are.

Neither torch nor the pickle's own code runs. ``torch.save`` has written zip files since 1.6: one
folder with ``data.pkl`` and, uncompressed, ``data/KEY`` for every run of elements. Before, it wrote
five pickles in a row and then the runs, each with its length in front.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from m2fp_cli.errors import ModelError
from m2fp_cli.models.pickled import (
    StoredTensor,
    UnsafePickleError,
    find_state_dict,
    map_tensors,
    read_pickle,
)

ZIP_MAGIC = b"PK\x03\x04"
_LFS_MAGIC = b"version https://git-lfs"
# From torch.serialization.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")

Chooser = Callable[[Any], dict[str, StoredTensor]]
"""Takes the tensors that are wanted out of what a pickle holds."""


@dataclass(frozen=True)
class Span:
    """Where the bytes of one run are in the file.

    Attributes:
        start: offset of the first byte.
        nbytes: length in bytes.
        crc32: checksum of the bytes; None if the format has none.
    """

    start: int
    nbytes: int
    crc32: int | None


@dataclass(frozen=True)
class Checkpoint:
    """The table of a checkpoint file's tensors, without their bytes.

    Attributes:
        path: the file.
        tensors: tensor by state-dict key.
        spans: place in the file by the run's key.
        content: all that the pickle holds, with ``StoredTensor`` in place of tensors.
    """

    path: Path
    tensors: Mapping[str, StoredTensor]
    spans: Mapping[str, Span]
    content: Any


def read_checkpoint(path: Path, *, whole: bool = False) -> Checkpoint:
    """Read the table of tensors of a ``torch.save`` file.

    Args:
        path: the file.
        whole: take all tensors, by numbers, and not only the state dict's, by their keys.

    Raises:
        ModelError: the file is damaged or not a checkpoint, or its pickle contains code.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_MAGIC))
            if start == _LFS_MAGIC:
                raise ModelError(
                    f"{path} is a Git LFS pointer; run `git lfs pull` in its folder for the weights"
                )
            file.seek(0)
            read = _read_zip if start.startswith(ZIP_MAGIC) else _read_legacy
            checkpoint = read(path, file, _number_tensors if whole else find_state_dict)
            _check_spans(checkpoint, file.seek(0, 2))
    except UnsafePickleError as error:
        raise ModelError(
            f"{path} contains code ({error}) and was not loaded; only tensors are read from a "
            "pickle; use a model from a source that you trust"
        ) from None
    except ModelError:
        raise
    except Exception as error:  # damaged bytes may raise anything
        raise damaged(path, str(error) or type(error).__name__) from error
    return checkpoint


def damaged(path: Path, reason: str) -> ModelError:
    """The error for a file whose bytes are not what they should be.

    Args:
        path: the file.
        reason: what is wrong; only the first line is used.
    """
    return ModelError(
        f"{path} is damaged or not a checkpoint ({reason.splitlines()[0]}); download it again with "
        "`m2fp models pull`"
    )


def map_file(path: Path) -> mmap.mmap:
    """Map a file copy-on-write: processes share its memory until one of them writes to it."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def check_crcs(checkpoint: Checkpoint, mapped: mmap.mmap) -> None:
    """Compare the bytes with the checksums in the file; without checksums, nothing is compared.

    Args:
        checkpoint: the table of the file.
        mapped: the file, from ``map_file``.

    Raises:
        ModelError: a checksum differs.
    """
    view = memoryview(mapped)
    try:
        for key, span in checkpoint.spans.items():
            with view[span.start : span.start + span.nbytes] as run:
                if span.crc32 is not None and zlib.crc32(run) != span.crc32:
                    raise damaged(checkpoint.path, f"the bytes of data/{key} have changed")
    finally:
        view.release()


def _number_tensors(content: Any) -> dict[str, StoredTensor]:
    """Every tensor in what a pickle holds."""
    found: dict[StoredTensor, str] = {}
    map_tensors(content, lambda tensor: found.setdefault(tensor, str(len(found))))
    return {number: tensor for tensor, number in found.items()}


def _read_zip(path: Path, file: BinaryIO, choose: Chooser) -> Checkpoint:
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it does not have exactly one data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        read = [entries[name] for name in (pickles[0], f"{root}byteorder") if name in entries]
        if any(info.compress_type != zipfile.ZIP_STORED for info in read):
            raise ValueError("its entries are compressed")
        if len(read) > 1 and archive.read(read[1]) != b"little":
            raise ValueError("its numbers are big-endian")
        content = read_pickle(io.BytesIO(archive.read(pickles[0]))).content
        tensors = choose(content)
        keys = {tensor.stored.key for tensor in tensors.values()}
        if missing := keys - {name.removeprefix(f"{root}data/") for name in entries}:
            raise ValueError(f"data/{min(missing)} is not in it")
        spans = {key: _span_of(file, entries[f"{root}data/{key}"]) for key in sorted(keys)}
    return Checkpoint(path, tensors, spans, content)


def _span_of(file: BinaryIO, info: zipfile.ZipInfo) -> Span:
    """Where an uncompressed entry's bytes are: right after its local header."""
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError("its entries are compressed")
    file.seek(info.header_offset)
    header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if header[0] != ZIP_MAGIC:
        raise ValueError("an entry is not where the zip's directory says")
    name_length, extra_length = header[-2:]
    start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    return Span(start, info.file_size, info.CRC)


def _read_legacy(path: Path, file: BinaryIO, choose: Chooser) -> Checkpoint:
    if not _has_legacy_magic(file):
        raise ValueError("it is neither a zip nor an older torch.save file")
    if not read_pickle(file).content.get("little_endian", True):
        raise ValueError("its numbers are big-endian")
    content, runs = read_pickle(file)
    spans = {}
    for key in read_pickle(file).content:
        (numel,) = struct.unpack("<q", file.read(8))
        spans[key] = Span(file.tell(), numel * runs[key].itemsize, None)
        file.seek(spans[key].nbytes, 1)
    return Checkpoint(path, choose(content), spans, content)


def _has_legacy_magic(file: BinaryIO) -> bool:
    try:
        magic, protocol = read_pickle(file).content, read_pickle(file).content
        return (magic, protocol) == (_LEGACY_MAGIC, _LEGACY_PROTOCOL)
    except UnsafePickleError:
        raise
    except Exception:  # bytes that are not a pickle may raise anything
        return False


def _check_spans(checkpoint: Checkpoint, file_size: int) -> None:
    """Check that every run lies inside the file and has the length that the pickle says."""
    for tensor in checkpoint.tensors.values():
        span = checkpoint.spans[tensor.stored.key]
        if span.nbytes != tensor.stored.nbytes:
            raise ValueError("a tensor's data has another length than the pickle says")
        if span.start < 0 or span.nbytes < 0 or span.start + span.nbytes > file_size:
            raise ValueError("it ends before its last tensor")
