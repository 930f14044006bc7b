"""Starting worker processes: from a fork server that has imported what they all need.

Never by a plain fork: a process that has run torch once hangs in its forked children. A fork server
has run nothing, so its children start in 0.1 s with the modules shared, instead of 3 s and 130 MB
each. It is left single-threaded on purpose: NumPy's OpenBLAS would start threads when imported.

Environment variables are read by libraries when they are loaded, so they are set for the fork
server, before anything is imported there; what the user has set stays. KMP_* would do nothing:
torch's wheel ships GNU's OpenMP.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

from m2fp_cli.batch.resources import count_oom_kills
from m2fp_cli.errors import M2fpError
from m2fp_cli.home import is_writable

WorkerMain = Callable[[Connection, Any, int], None]
"""What a worker process runs: takes its end of the pipe, a job, and the cores it may use."""

_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run")
_LONGEST_SOCKET_FOLDER = 108 - len("/pymp-12345678/listener-12345678") - 1  # bytes
_ATTEMPTS = 3
# oneDNN keeps what it compiles for each input size: bounded, but several 100 MB by default.
PRIMITIVE_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256", "LRU_CACHE_CAPACITY": "128"}
# What a terminal that is closed, Ctrl-C, systemd and schedulers send to all processes of a run.
_RUN_SIGNALS = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
# Large feature maps go back to the system when they are freed: in glibc's heap they leave holes.
# Those below 8 MiB stay. Fetching them anew took 0.35 s of system time a photo in bfloat16 (2 vCPU,
# Intel Xeon with AMX), even in huge pages (from glibc 2.35 on, where the kernel lets programs ask).
# The published model on four sizes in turn, threshold 4 / 8 / 16 / 32 MiB, medians of three
# processes in turn: bfloat16 2.53 / 2.09 / 2.36 / 2.30 s and 1124 / 1260 / 1386 / 1477 MiB at the
# peak; float32 4.4 / 4.0 s (4 / 8 MiB) and 1240 / 1335 MiB.
_LARGE_BLOCKS = ":".join(
    (
        "glibc.malloc.hugetlb=1",
        f"glibc.malloc.mmap_threshold={8 << 20}",
        f"glibc.malloc.trim_threshold={256 << 20}",
    )
)


class Preloading(Protocol):
    """What starting a worker asks of a job; picklable."""

    @property
    def preload(self) -> Sequence[str]:
        """Modules to import once for all worker processes, besides the job's own.

        They must start no threads.
        """


def start_worker(
    main: WorkerMain, job: Preloading, threads: int
) -> tuple[ForkServerProcess, Connection]:
    """Start one worker process.

    Args:
        main: what it runs, a function of a module that can be imported.
        job: given to that.
        threads: cores the process may use.

    Returns:
        the process and the parent's end of its pipe. The worker holds the only other end, so its
        death is an end of file.

    Raises:
        M2fpError: the system starts no process.
    """
    failure: Exception | None = None
    kills = count_oom_kills()
    for _ in range(_ATTEMPTS):
        try:
            return _start_once(main, job, threads)
        except (OSError, EOFError) as error:  # noqa: PERF203 - the fork server was killed
            failure = error
    why = "the memory was used up" if count_oom_kills() > kills else repr(failure)
    raise M2fpError(f"worker processes cannot start: {why}") from failure


def _start_once(
    main: WorkerMain, job: Preloading, threads: int
) -> tuple[ForkServerProcess, Connection]:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=True)
    process = context.Process(target=main, args=(theirs, job, threads), daemon=True)
    with theirs, _as_library(), worker_environment(threads):
        # Takes effect only before the server's first start; a server that a caller's program has
        # started already works as well, only slower.
        modules = main.__module__, type(job).__module__, *job.preload
        context.set_forkserver_preload(list(modules))
        _start_server()
        process.start()
    return process, ours


def _start_server() -> None:
    """Start the fork server deaf to the signals that end a run: it would end before its workers.

    Those would be killed with it, in the middle of their photos. It keeps the mask that it is
    started with. In this process the signals wait for that long.
    """
    _choose_socket_folder()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _RUN_SIGNALS)
    try:
        with _same_search_path():
            resource_tracker.ensure_running()  # which takes SIGINT and SIGTERM out of the mask
            signal.pthread_sigmask(signal.SIG_BLOCK, _RUN_SIGNALS)
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _same_search_path() -> Iterator[None]:
    """Have multiprocessing's own processes look for modules where this one does.

    They are started with ``python -c``, which looks into the current folder before all others: a
    ``queue.py`` among somebody's photos would be run there in place of Python's.
    """
    start = util.spawnv_passfds

    def start_alike(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        *options, code = args
        return start(path, [*options, f"{_search_path_code()}{code}"], passfds)

    util.spawnv_passfds = start_alike
    try:
        yield
    finally:
        util.spawnv_passfds = start


def python_command(module: str, *words: str) -> list[str]:
    """The command that runs a module in a process of its own.

    As ``python -m`` does, but for the current folder, in which modules are looked for only where
    this process does: see ``_same_search_path``.
    """
    code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", _search_path_code() + code, *words]


def _search_path_code() -> str:
    """Python code that sets this process' search path; ``sys`` itself is in no folder."""
    path = [one for one in sys.path if isinstance(one, str)]
    return f"import sys; sys.path[:] = {path!r}; "


def _choose_socket_folder() -> None:
    """Have multiprocessing make its sockets in a folder whose path is short enough.

    The address of a socket has 108 bytes (unix(7)); a long TMPDIR, as schedulers set it, leaves no
    room for the names that multiprocessing adds. It asks for its folder once.
    """
    before = tempfile.tempdir
    candidates = (tempfile.gettempdir(), *_SHORT_FOLDERS)
    short = (one for one in candidates if len(os.fsencode(one)) <= _LONGEST_SOCKET_FOLDER)
    tempfile.tempdir = next((one for one in short if is_writable(Path(one))), before)
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def worker_environment(threads: int) -> Iterator[None]:
    """Environment variables for worker processes; the caller's own are put back afterwards."""
    wanted = {
        "OMP_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": str(threads),
        # Threads that wait for each other sleep instead of spinning: on a machine that others use
        # too, one photo took 12 s instead of 72 s with two threads.
        "OMP_WAIT_POLICY": "PASSIVE",
        **PRIMITIVE_CACHES,
        "MALLOC_ARENA_MAX": "2",  # glibc keeps freed pages per arena, and arenas per thread
        "GLIBC_TUNABLES": _LARGE_BLOCKS,
    }
    missing = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]


@contextlib.contextmanager
def _as_library() -> Iterator[None]:
    """Hide the running script: workers do not need it, and must not run it a second time."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
