"""The calls that m2fp makes to Ray; all of them are here."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from m2fp_cli.batch.resources import usable_cores
from m2fp_cli.cluster.calls import ActorLostError
from m2fp_cli.cluster.station import Station
from m2fp_cli.errors import EngineError, UsageError

INSTALL = "pip install 'm2fp[ray]'"
_TEXT_LENGTH = 300
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RayStation(Station):
    """A station that asks Ray where it is."""

    def __init__(self) -> None:
        """Runs in the actor's process."""
        ray = importlib.import_module("ray")
        super().__init__(ray.get_runtime_context().get_node_id())


def check_cluster(address: str) -> None:
    """Refuse, before any work, an address or a Ray that cannot be.

    Raises:
        UsageError: the address is none.
        EngineError: the extra is not installed.
    """
    if address not in ("auto", "local") and not address.startswith("ray://"):
        raise UsageError(f"--cluster takes ray://HOST:PORT, auto or local, got {address!r}")
    _load_ray()


def _load_ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise EngineError(f"--cluster needs Ray ({error}); {INSTALL}") from error


class RayCluster:
    """A connection to a cluster of Ray's; see ``calls.Cluster``."""

    def __init__(self, address: str) -> None:
        """Connect.

        Args:
            address: ``ray://HOST:PORT``; ``auto``, the cluster that this machine belongs to; or
                ``local``, a cluster of this machine alone, for the time of the run.

        Raises:
            EngineError: the extra is not installed, or the cluster cannot be reached.
        """
        self.address = address
        self._ray = _load_ray()
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            settings |= {"num_cpus": usable_cores(), "include_dashboard": False}
        try:
            with _own_signals():
                self._ray.init(address=address, **settings)
        except Exception as error:
            raise EngineError(
                f"cannot reach the cluster {address} ({_line_of(error)}); is Ray running there, in "
                "the same version, with the same Python and the same token as here?"
            ) from error

    def start(self, cpus: int, memory_bytes: int) -> Any:
        """Ask for an actor; it comes to be when a machine has room for it."""
        settings = {"num_cpus": cpus, "memory": memory_bytes}
        remote = self._ray.remote(RayStation)
        # -1: as often as it dies. When that is too often, the pool ends the run.
        return remote.options(**settings, max_restarts=-1, max_task_retries=0).remote()

    def call(self, actor: Any, method: str, *values: Any) -> Any:
        """Call a method of an actor; returns what ``ended`` and ``take`` know the call by."""
        return getattr(actor, method).remote(*values)

    def ended(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        """Calls among some that have ended; waits for one, at most for that time."""
        with self._connected():
            if not self._ray.wait(list(calls), num_returns=1, timeout=seconds)[0]:
                return []
            return list(self._ray.wait(list(calls), num_returns=len(calls), timeout=0)[0])

    def take(self, call: Any) -> Any:
        """What a call that has ended gave back.

        Raises:
            ActorLostError: the actor is gone.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(call)
        except errors.RayError as error:
            raise ActorLostError(
                _line_of(error),
                forever=isinstance(error, (errors.ActorDiedError, errors.RayTaskError)),
                away=isinstance(error, errors.ActorUnavailableError),
                out_of_memory=isinstance(error, errors.OutOfMemoryError),
            ) from error

    def living_nodes(self) -> set[str]:
        """Ids of the machines that are in the cluster now."""
        with self._connected():
            return {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}

    def room(self, cpus: int, memory_bytes: int) -> int:
        """Number of actors that fit into the machines that are in the cluster now."""
        with self._connected():
            found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(
            int(min(one.get("CPU", 0) // cpus, one.get("memory", 0) // memory_bytes))
            for one in found
        )

    def kill(self, actor: Any) -> None:
        """End an actor at once, for good."""
        with contextlib.suppress(Exception):  # it, or the whole cluster, may be gone
            self._ray.kill(actor, no_restart=True)

    def close(self) -> None:
        """Disconnect; a ``local`` cluster ends."""
        with contextlib.suppress(Exception), _own_signals():
            self._ray.shutdown()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except (ConnectionError, self._ray.exceptions.RaySystemError) as error:
            raise EngineError(
                f"the connection to the cluster {self.address} broke ({_line_of(error)}); run the "
                "same command again to go on"
            ) from error


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of this process: Ray puts one of its own in place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _line_of(error: Exception) -> str:
    """The last line of a message: tracebacks and Ray's lists of ids come before what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:_TEXT_LENGTH].rstrip(".")
