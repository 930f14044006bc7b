"""Names that file systems take, of texts that may be longer."""

from __future__ import annotations

import hashlib
import os

MOST_BYTES = 255 - 16  # of a name to which a suffix is appended; file systems take 255
_HASH_DIGITS = 8


def shorten_name(name: str, most_bytes: int = MOST_BYTES) -> str:
    """A name that leaves room for more: one that is too long is cut and ends in its hash.

    Args:
        name: without folders; may hold ``surrogateescape`` characters.
        most_bytes: that it may have.
    """
    encoded = os.fsencode(name)
    if len(encoded) <= most_bytes:
        return name
    end = most_bytes - _HASH_DIGITS - 1
    while encoded[end] & 0xC0 == 0x80:  # not through the middle of a UTF-8 letter
        end -= 1
    digest = hashlib.sha256(encoded).hexdigest()[:_HASH_DIGITS]
    return f"{os.fsdecode(encoded[:end])}~{digest}"
