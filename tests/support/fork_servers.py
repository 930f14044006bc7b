"""Fork servers for tests: one that has imported what workers need, and others for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from multiprocessing import forkserver
from typing import Any

import pytest


@contextlib.contextmanager
def preloaded_workers() -> Iterator[None]:
    """Have fork servers import what any job needs, besides what the job that starts them asks for.

    All tests of a process share a server, and its first job knows nothing of the others.
    """
    preload = forkserver.set_forkserver_preload

    def preload_all(names: Sequence[str]) -> None:
        preload([*names, "tests.support.worker_imports"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "set_forkserver_preload", preload_all)
        yield


@contextlib.contextmanager
def fresh_fork_server() -> Iterator[None]:
    """Give tests a fork server of their own, with the preloads and environment that a run gives it.

    One that has torch in it takes seconds to start; one that has not makes every worker that needs
    torch take them. The server that the others share waits meanwhile.
    """
    server: Any = forkserver._forkserver
    shared = vars(server).copy()
    server.__init__()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "set_forkserver_preload", server.set_forkserver_preload)
        try:
            yield
        finally:
            server._stop()
            vars(server).update(shared)
