"""Threads for compiled loops that release the interpreter lock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNKS_PER_THREAD = 4  # where the system takes a core away for a while, the others go on
MOST_THREADS = 1024  # where they cannot all be started, OpenMP ends the process
PARALLEL_PIXELS = 1 << 18  # below this, handing out work costs more than it saves


@lru_cache(maxsize=4)
def thread_pool(threads: int) -> ThreadPoolExecutor:
    """A pool of that many threads, made once a process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="m2fp-loop")


@lru_cache(maxsize=1)
def outlive_forks() -> None:
    """Let forked copies of this process compute, with one thread each.

    A fork takes along the thread that forked and no other. Torch's OpenMP and our pools would wait
    for the others for ever.
    """
    os.register_at_fork(after_in_child=_go_on_alone)


def _go_on_alone() -> None:
    thread_pool.cache_clear()
    torch.set_num_threads(1)


@contextmanager
def single_thread_up_to(limit: int) -> Iterator[None]:
    """Let torch use one thread inside, if it has no more than ``limit``.

    For steps too small to gain from two or three threads.
    """
    threads = torch.get_num_threads()
    if threads > limit:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def parallel_tasks(
    tasks: Sequence[Item], work: Callable[[Item], object], threads: int | None = None
) -> None:
    """Do tasks in threads; each thread takes the next task when it is done with its last.

    Where the system takes a core away for a while, that holds up one task and not half of them:
    sampling takes 8 % less time on a machine that other programs use.

    Args:
        tasks: a list or tuple; its order is the order in which tasks are begun.
        work: does one task; called from several threads.
        threads: how many; None = as many as torch uses.

    Raises:
        Exception: what ``work`` raised.
    """
    threads = min(threads or torch.get_num_threads(), len(tasks))
    waiting = iter(tasks)  # threads may share the iterator of a list or tuple, not a generator

    def take_tasks(_: int) -> None:
        for task in waiting:
            work(task)

    if threads <= 1:
        take_tasks(0)
    else:
        list(thread_pool(threads).map(take_tasks, range(threads)))


def parallel_rows(
    height: int, width: int, work: Callable[[slice], None], *, multiple_of: int = 1
) -> None:
    """Do the rows of a map in chunks, a few for each thread of torch; a small map in one chunk.

    Args:
        height: number of rows.
        width: elements a row.
        work: does the rows of a slice; called from several threads.
        multiple_of: every chunk begins at a multiple of this, so that sums over groups of so many
            rows are the same for any number of threads.
    """
    threads = torch.get_num_threads() if height * width > PARALLEL_PIXELS else 1
    if threads == 1:
        if height:
            work(slice(0, height))  # the chunks below take 15 us to make
        return
    chunks = CHUNKS_PER_THREAD * threads
    groups = np.linspace(0, -(-height // multiple_of), chunks + 1).astype(int)
    bounds = np.minimum(groups * multiple_of, height)
    spans = [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds) if a < b]
    parallel_tasks(spans, work)


def parallel_map(items: Sequence[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """The results of ``work`` in the items' order, computed in as many threads as torch uses.

    Only a few items are begun before their results are taken, so that results do not pile up.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield from map(work, items)
        return
    batch = CHUNKS_PER_THREAD * threads
    for start in range(0, len(items), batch):
        yield from thread_pool(threads).map(work, items[start : start + batch])
