"""What glibc keeps of freed memory, in processes whose heap m2fp has set up."""

from __future__ import annotations

import contextlib
import ctypes
import os

_M_MMAP_THRESHOLD = -3  # malloc.h
_SMALL_MAPS = 4 << 20  # bytes
_WORKERS = f"glibc.malloc.mmap_threshold={8 << 20}"  # as worker processes start


def give_back_small_maps() -> None:
    """Let freed blocks of 4 MiB and more go back to the system at once, for a network in int8.

    Worker processes keep blocks of up to 8 MiB (``batch.processes``), since bfloat16's maps would
    be fetched anew at every layer. Those of int8 are half as large and stay anyway. With 8 MiB its
    peak at 1920x1080 was 1228 MiB where float32 takes 1108, with 4 MiB 1025.

    Does nothing in other processes, and without glibc.
    """
    if _WORKERS in os.environ.get("GLIBC_TUNABLES", "").split(":"):
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _SMALL_MAPS)
