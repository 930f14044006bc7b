"""A mark on each file of a group: that m2fp wrote these bytes under this name.

Of photos that ended, the manifest says what was written. A run that is killed leaves files that no
manifest lists, and beside them may lie what somebody corrected since. Their marks tell them apart:
extended attributes, there before a file has its name and synced with it. Whoever writes the file
anew drops its mark, or keeps one that says other bytes. Not every file system has them, and not
every program copies them: the lock of an output has a token that goes with them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib

# On ext4 it shares the inode with a label of SELinux; anything longer would cost a block.
_ATTRIBUTE = "user.m2fp"
_TOKEN = "user.m2fp-output"
_TOKEN_BYTES = 8
_BYTES = 4


def mark_of(name: str, checksum: int) -> bytes:
    """The mark of a file.

    Args:
        name: relative to the output, so that the mark of a copy under another name says nothing.
        checksum: CRC-32 of its bytes.
    """
    return zlib.crc32(os.fsencode(name), checksum).to_bytes(_BYTES, "big")


def set_mark(descriptor: int, mark: bytes) -> None:
    """Mark an open file, where the file system can."""
    with contextlib.suppress(OSError, AttributeError):  # not every system has these calls
        os.setxattr(descriptor, _ATTRIBUTE, mark)


def read_mark(descriptor: int) -> bytes | None:
    """The mark of an open file; None if it has none."""
    try:
        return os.getxattr(descriptor, _ATTRIBUTE)
    except (OSError, AttributeError):
        return None


def read_token(descriptor: int) -> str:
    """The token of an output, whose lock is open: hexadecimal, empty if it has none."""
    try:
        return os.getxattr(descriptor, _TOKEN)[:_TOKEN_BYTES].hex()
    except (OSError, AttributeError):
        return ""


def make_token(descriptor: int) -> str:
    """The token of an output, given to it if it has none; empty if marks cannot be kept."""
    with contextlib.suppress(OSError, AttributeError):  # another shard may have been faster
        os.setxattr(descriptor, _TOKEN, secrets.token_bytes(_TOKEN_BYTES), os.XATTR_CREATE)
    return read_token(descriptor)
