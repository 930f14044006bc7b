"""Threads for compiled loops that let go of the interpreter lock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

Item = TypeVar("Item")
Done = TypeVar("Done")

SHARES_A_THREAD = 4  # a core that is taken away for a while leaves the rest to the others
SHARED_PIXELS = 1 << 18  # below, handing out work costs more than it saves


@lru_cache(maxsize=4)
def thread_pool(threads: int) -> ThreadPoolExecutor:
    """A pool of that many threads; made once a process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="m2fp-loop")


@contextmanager
def one_of_few_threads(few: int) -> Iterator[None]:
    """Use one thread inside, if torch has no more than ``few``: for work that shares badly."""
    threads = torch.get_num_threads()
    if threads > few:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def share_tasks(
    tasks: Sequence[Item], work: Callable[[Item], object], threads: int | None = None
) -> None:
    """Do tasks with some threads; each takes the next one when it is done with its last.

    A core that the system takes away for a while then holds up one task, not half of all: sampling
    takes 8 % less time on a machine that is shared.

    Args:
        tasks: a list or tuple; begun in its order.
        work: does one; called from several threads.
        threads: how many; None = as many as torch uses.
    """
    threads = min(threads or torch.get_num_threads(), len(tasks))
    waiting = iter(tasks)  # of a list or tuple, not of a generator: threads may share it

    def take_tasks(_: int) -> None:
        for task in waiting:
            work(task)

    if threads <= 1:
        take_tasks(0)
    else:
        list(thread_pool(threads).map(take_tasks, range(threads)))


def share_rows(
    height: int, width: int, work: Callable[[slice], None], *, together: int = 1
) -> None:
    """Do the rows of a map in shares, a few for each thread that torch uses; a small map in one.

    Args:
        height: number of rows.
        width: elements a row.
        work: does the rows of a slice; called from several threads.
        together: a share begins at a multiple of this, so that sums over so many rows are the same
            for any number of threads.
    """
    threads = torch.get_num_threads() if height * width > SHARED_PIXELS else 1
    shares = 1 if threads == 1 else SHARES_A_THREAD * threads
    groups = np.linspace(0, -(-height // together), shares + 1).astype(int)
    bounds = np.minimum(groups * together, height)
    spans = [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds) if a < b]
    share_tasks(spans, work)


def share_items(items: Sequence[Item], work: Callable[[Item], Done]) -> Iterator[Done]:
    """Do items with as many threads as torch uses, results in order.

    Only a few are begun before the first is taken, so that results do not pile up.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield from map(work, items)
        return
    for start in range(0, len(items), 4 * threads):
        yield from thread_pool(threads).map(work, items[start : start + 4 * threads])
