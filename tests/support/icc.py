"""ICC profiles made from nothing: a matrix and a gamma. Layout: ICC.1:2010."""

from __future__ import annotations

import struct
from dataclasses import dataclass

Columns = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class MatrixProfile:
    """A display's profile and the XYZ columns (under D50) of its primaries."""

    data: bytes
    columns: Columns


def matrix_profile(columns: Columns, gamma: float = 2.2) -> MatrixProfile:
    """A profile of version 2 that calls itself ``test``."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: _xyz(column) for name, column in zip(names, columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return MatrixProfile(_profile(b"RGB ", tags), columns)


def gray_profile(gamma: float) -> bytes:
    """A profile for gray, as ``matrix_profile`` makes one for colors."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def hollow_profile(space: bytes) -> bytes:
    """A profile of a color space with a good header that does not say what its colors are."""
    return _profile(space, {})


def scanner_profile() -> bytes:
    """A profile for colors with a table to XYZ, and none back."""
    unit = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = struct.pack(">4H", 0, 21845, 43690, 65535) * 3
    corners = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    table = struct.pack(">24H", *(round(15000 * v) for corner in corners for v in corner))
    lut = b"mft2" + bytes(4) + bytes((3, 3, 2, 0)) + unit + struct.pack(">2H", 4, 4)
    return _profile(b"RGB ", {b"A2B0": lut + ramp + table + ramp}, kind=b"scnr")


def _profile(space: bytes, colors: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    text = b"test\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79),
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **colors,
    }
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, kind, space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + directory + body


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65536) for v in values))
