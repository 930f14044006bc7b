"""JPEG files without an end marker: are all pixels there, or how many rows are missing?

A decoder that meets the end of the data fills the rest with gray and says nothing that Pillow
passes on. But what it fills in depends on what follows the data: where all pixels are there, more
bytes before the end marker change nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from m2fp_cli.imaging.errors import MissingRowsError
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.metadata import PlainPicture
from m2fp_cli.imaging.opening import opened

_END = b"\xff\xd9"
_FILLER = b"\x5a\xa5\x35\xca" * 256  # bits of no regular pattern, and no marker
_BLOCK_ROWS = 16  # decoded together, with chroma at half size
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan, other bytes belong to the pixels
_SOF2, _SOS = 0xC2, 0xDA


def end_jpeg(
    plain: PlainPicture, header: ImageHeader, max_pixels: int, *, allow_truncated: bool
) -> PlainPicture:
    """Give a JPEG file its end marker.

    Args:
        plain: the file, without end.
        header: its header.
        max_pixels: largest allowed product of width and height.
        allow_truncated: rows may be missing; a note then says so.

    Raises:
        MissingRowsError: rows are missing, and that is not allowed.
        ImageError: ``corrupt``, it cannot be decoded.
    """

    def decode(data: bytes) -> npt.NDArray[np.uint8]:
        with opened(data, header, max_pixels) as (image, _):
            return np.asarray(image.convert("RGB"))

    body = _without_torn_segment(plain.data)
    missing = _count_missing_rows(body, decode)
    notes = plain.notes
    if missing:
        rows = f"{missing} of its {header.height} rows {'is' if missing == 1 else 'are'} missing"
        if not allow_truncated:
            raise MissingRowsError("corrupt", f"is truncated: {rows}; copy or download it again")
        notes = (*notes, rows)
    return PlainPicture(body.rstrip(b"\xff") + _END, plain.profile, notes, has_end=False)


def _without_torn_segment(data: bytes) -> bytes:
    """The file up to a table between scans that is not all there, over which decoders stumble."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        at = found.end() + 2
        if at <= len(data):
            at = found.end() + max(2, struct.unpack_from(">H", data, found.end())[0])
        if at > len(data):
            return data[: found.start()]
    return data


def _count_missing_rows(data: bytes, decode: Callable[[bytes], npt.NDArray[np.uint8]]) -> int:
    """How many rows of a JPEG file without an end marker are not all there.

    Args:
        data: the file.
        decode: gives the (H, W, ...) pixels of a file with an end marker.

    Returns:
        0 if all pixels are there. Rows that happen to look as what they are filled with, do not
        count.
    """
    body = data.rstrip(b"\xff")  # the first half of a marker
    plain = decode(body + _END)
    if not _has_all_scans(data):
        return len(plain)
    padded = decode(body + _FILLER + _END)
    differing = np.flatnonzero((padded != plain).reshape(len(plain), -1).any(axis=1))
    return len(plain) - int(differing[0]) // _BLOCK_ROWS * _BLOCK_ROWS if differing.size else 0


def _has_all_scans(data: bytes) -> bool:
    """Whether the scans of a progressive JPEG carry every bit of every coefficient.

    A scan says which coefficients it refines and down to which bit; ITU-T T.81, annex G.
    """
    if not any(marker == _SOF2 for marker, _ in _segments(data)):
        return True
    exact: dict[int, set[int]] = {}
    for marker, body in _segments(data):
        if marker == _SOF2 and len(body) >= 6:
            ids = body[6 : 6 + 3 * body[5] : 3]
            exact = {component: set() for component in ids}
        elif marker == _SOS and len(body) >= 4 and len(body) >= 4 + 2 * body[0]:
            first, last, precision = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            if not precision & 15:
                for component in body[1 : 1 + 2 * body[0] : 2]:
                    exact.setdefault(component, set()).update(range(first, last + 1))
    return all(len(found) == 64 for found in exact.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of every segment, scans included; ends where the file makes no sense."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None and found.end() + 2 <= len(data):
        length = struct.unpack_from(">H", data, found.end())[0]
        yield found[0][1], data[found.end() + 2 : found.end() + length]
        at = found.end() + max(2, length)
