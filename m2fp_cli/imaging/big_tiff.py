"""Gives a big-endian BigTIFF the directory of a plain TIFF, which the decoder reads.

Pillow looks for BigTIFF's number in the byte where a little-endian file has it. A plain directory
takes less room, so it is laid over the old one and nothing else moves: a file that lacks pixels at
its end lacks them still. Its places have 32 bits, enough for the files that are read.
"""

from __future__ import annotations

import struct

from m2fp_cli.imaging.headers.record import damaged

_MAGIC = b"MM\0+"
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_LONG, _LONG8 = 4, 16
_OLD_ENTRY, _ENTRY = 20, 12  # bytes
_OTHER_DIRECTORIES = frozenset((330, 34665, 34853, 40965))  # BigTIFF's, too: not for the decoder


def without_big_directory(data: bytes) -> bytes:
    """A big-endian BigTIFF as a plain TIFF of its first page; any other file as it is.

    Args:
        data: a file with a good header.

    Raises:
        ImageError: ``corrupt`` if its values take more room than the whole file.
    """
    if not data.startswith(_MAGIC):
        return data
    (first,) = struct.unpack_from(">Q", data, 8)
    (count,) = struct.unpack_from(">Q", data, first)
    plain, entries, used = bytearray(data), list[bytes](), 0
    spare = first + 2 + _ENTRY * count + 4  # for values of 5 to 8 bytes, once inside of entries
    for at in range(first + 8, first + 8 + _OLD_ENTRY * count, _OLD_ENTRY):
        tag, kind, number = struct.unpack_from(">HHQ", data, at)
        size = number * _BYTES.get(kind, 0)
        place = at + 12 if size <= 8 else struct.unpack_from(">Q", data, at + 12)[0]
        used += size
        if used > len(data):
            raise damaged("its directory is larger than the file")
        value = _value(data[place : place + size], kind)
        if tag in _OTHER_DIRECTORIES or value is None:
            continue
        if size <= 8:
            place, spare = spare, spare + (8 if len(value) > 4 else 0)
        if len(value) > 4:
            plain[place : place + len(value)] = value
        inline = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(">I", place)
        entries.append(struct.pack(">HHI", tag, _LONG if kind == _LONG8 else kind, number) + inline)
    directory = struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
    plain[first : first + len(directory)] = directory
    plain[:8] = struct.pack(">2sHI", b"MM", 42, first)
    return bytes(plain)


def _value(value: bytes, kind: int) -> bytes | None:
    """A value's bytes, numbers of 64 bits as such of 32; None where they do not fit."""
    if kind != _LONG8:
        return value or None
    numbers = struct.unpack(f">{len(value) // 8}Q", value[: len(value) // 8 * 8])
    return struct.pack(f">{len(numbers)}I", *numbers) if max(numbers, default=0) < 1 << 32 else None
