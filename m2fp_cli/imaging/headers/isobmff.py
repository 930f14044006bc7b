"""AVIF and HEIF headers: boxes of the ISO base media file format (ISO/IEC 14496-12, 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated

_AVIF = frozenset((b"avif", b"avis"))
_HEIF = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_MAX_BOXES = 10_000
_PIXELS = frozenset((b"meta", b"mdat"))  # what a photo needs of the boxes that are in no other


def read_header(data: bytes) -> ImageHeader:
    """Header of an AVIF or HEIF file; its size is that of the largest item; tiles are smaller.

    Raises:
        ImageError: ``unsupported`` for films and other files in the same container; ``corrupt`` if
            the boxes are damaged or none holds a size.
    """
    end = min(struct.unpack_from(">I", data)[0], len(data), 4096)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]
    if _AVIF.intersection(brands):
        name = "AVIF"
    elif _HEIF.intersection(brands):
        name = "HEIF"
    else:
        raise ImageError("unsupported", "is a film or another media file, not a photo")
    sizes = [size for size in _item_sizes(data) if min(size) > 0]
    if not sizes:
        raise damaged("no item in it has a size")
    width, height = max(sizes, key=lambda wh: wh[0] * wh[1])
    return ImageHeader(name, width, height)


def _item_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of every ``meta/iprp/ipco/ispe`` box."""
    for meta in _boxes(data, 0, len(data), b"meta"):
        for iprp in _boxes(data, meta.start + 4, meta.stop, b"iprp"):  # 4: version and flags
            for ipco in _boxes(data, iprp.start, iprp.stop, b"ipco"):
                for ispe in _boxes(data, ipco.start, ipco.stop, b"ispe"):
                    if ispe.stop - ispe.start >= 12:
                        yield struct.unpack_from(">II", data, ispe.start + 4)


def _boxes(data: bytes, at: int, end: int, wanted: bytes) -> Iterator[slice]:
    """The bodies of the boxes of one kind between two positions.

    Phones and tools append what are no boxes: behind the pixels such bytes end the walk.
    """
    seen = set[bytes]()
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1 and at + 16 <= end:
            length, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        stop = end if length == 0 else at + length
        if not body <= stop <= end and seen >= _PIXELS and kind not in _PIXELS:
            return
        if stop < body:
            raise damaged("a box has no length")
        if stop > end:
            raise truncated(f"its {kind.decode('latin-1')!r} box ends beyond the file")
        if kind == wanted:
            yield slice(body, stop)
        seen.add(kind)
        at = stop
    raise damaged(f"it has more than {_MAX_BOXES} boxes")
