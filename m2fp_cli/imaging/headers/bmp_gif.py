"""BMP and GIF headers: the size is at a fixed place, and there is no orientation."""

from __future__ import annotations

import struct

from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated

_UNCOMPRESSED = 0


def read_bmp_header(data: bytes) -> ImageHeader:
    """Header of a BMP file, OS/2 or Windows. Layout: Microsoft's BITMAPINFOHEADER.

    Raises:
        ImageError: ``corrupt`` if there are no pixels, or fewer rows than the header says.
    """
    if len(data) < 26:
        raise truncated("it ends within its header")
    pixels_at, header_size = struct.unpack_from("<II", data, 10)
    compression = _UNCOMPRESSED
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif len(data) < 34:
        raise truncated("it ends within its header")
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # a negative height means that the rows run from top to bottom
    if width < 1 or height < 1:
        raise damaged(f"its header says {width} x {height} pixels")
    header = ImageHeader("BMP", width, height)
    row_bytes = (width * bits + 31) // 32 * 4
    # Checked here because a decoder allocates the whole picture before it notices that rows are
    # missing. The last row's padding may be missing.
    needed = row_bytes * (height - 1) + (width * bits + 7) // 8
    if compression == _UNCOMPRESSED and needed > len(data) - pixels_at:
        raise truncated("it has fewer rows of pixels than its header says")
    return header


def read_gif_header(data: bytes) -> ImageHeader:
    """Header of a GIF file, with the size of its logical screen. Layout: GIF89a, section 18.

    Raises:
        ImageError: ``corrupt`` if it ends within the header or has no pixels.
    """
    if len(data) < 13:
        raise truncated("it ends within its header")
    width, height = struct.unpack_from("<HH", data, 6)
    if not (width and height):
        raise damaged(f"its header says {width} x {height} pixels")
    return ImageHeader("GIF", width, height)
