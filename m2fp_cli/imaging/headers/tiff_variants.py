"""Which of the many kinds of TIFF a file is, for those that the decoder does not take.

A TIFF holds any number of samples of any kind, packed in one of dozens of ways. Photos are nearly
always RGB or gray of 8 or 16 bits; what else there is must not be called damaged.
"""

from __future__ import annotations

from m2fp_cli.imaging.headers.tiff import (
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    read_numbers,
)

# What Pillow's wheels unpack; of CCITT, JPEG, Deflate, PackBits, LZMA, Zstandard each number.
_UNPACKED = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000))
_PACKINGS = {
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34933: "PNG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_COLORS = {8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw sensor", 32844: "LogL", 32845: "LogLuv"}
_KINDS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}  # of SampleFormat
_PLAIN = {1: (1, 2, 4, 8, 12, 16), 2: (8,), 3: (8, 16), 4: (8, 16)}  # bits, by number of samples


def find_unread_variant(data: bytes) -> str | None:
    """What is unusual in a TIFF that could not be decoded, and what to do; None if nothing is.

    Args:
        data: a file with a good header.
    """
    tags = read_numbers(data)
    packing = tags.get(COMPRESSION, 1)
    if packing not in _UNPACKED:
        name = _PACKINGS.get(packing, f"number {packing}")
        return f"is a TIFF of an unusual compression ({name}); export it with LZW or without"
    samples, bits = tags.get(SAMPLES, 1), tags.get(BITS, 1)
    color, kind = _COLORS.get(tags.get(PHOTOMETRIC, 1)), _KINDS.get(tags.get(SAMPLE_FORMAT, 1))
    if not (color or kind) and bits in _PLAIN.get(samples, (8, 16)):
        return None
    words = " ".join(filter(None, (f"{bits}-bit", kind, color, "samples")))
    pixels = f"{words}, {samples} to a pixel"
    return f"is a TIFF of unusual pixels ({pixels}); export it as RGB with 8 or 16 bits"
