"""Threads for compiled loops that let go of the interpreter lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


@lru_cache(maxsize=4)
def thread_pool(threads: int) -> ThreadPoolExecutor:
    """A pool of that many threads; made once a process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="m2fp-loop")
