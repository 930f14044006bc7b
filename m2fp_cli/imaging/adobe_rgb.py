"""An ICC profile of Adobe RGB (1998), for photos that name it in EXIF and bring none.

Primaries, white and gamma as Adobe's specification of May 2005 has them, adapted to D50. Layout:
ICC.1:2001-04.
"""

from __future__ import annotations

import functools
import struct

_D50 = (0.9642, 1.0, 0.8249)
_PRIMARIES = {  # XYZ of full red, green and blue
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}
_GAMMA = 0x0233  # 2 + 51/256, in 256ths
_NAME = b"compatible with Adobe RGB (1998)\0"
_HEADER_BYTES, _ENTRY_BYTES = 128, 12


@functools.cache
def adobe_rgb_profile() -> bytes:
    """The profile, of version 2.1, as it is embedded in pictures."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, _GAMMA)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(_NAME)) + _NAME + bytes(78),
        b"cprt": b"text" + bytes(4) + b"public domain\0",
        b"wtpt": _xyz(_D50),
        **{name: _xyz(color) for name, color in _PRIMARIES.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s28x", 2005, 5, 1, 0, 0, 0, b"acsp") + _xyz(_D50)[8:]
    return header.ljust(_HEADER_BYTES, b"\0") + directory + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65536) for v in values))
