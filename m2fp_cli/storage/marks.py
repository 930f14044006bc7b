"""A mark on each file of a group: that m2fp wrote these bytes under this name.

Of photos that ended, the manifest says what was written. A run that is killed leaves files that no
manifest lists, and beside them may lie what somebody corrected since. Their marks tell them apart:
extended attributes, there before a file has its name and synced with it. Whoever writes the file
anew drops its mark, or keeps one that says other bytes. Not every file system has them.
"""

from __future__ import annotations

import contextlib
import os
import zlib

# On ext4 it shares the inode with a label of SELinux; anything longer would cost a block.
_ATTRIBUTE = "user.m2fp"
_TRIAL = "user.m2fp-try"
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


def can_mark(descriptor: int) -> bool:
    """Whether the file system of an open file keeps marks; nothing stays of the trial."""
    try:
        os.setxattr(descriptor, _TRIAL, b"")
        os.removexattr(descriptor, _TRIAL)
    except (OSError, AttributeError):
        return False
    return True
