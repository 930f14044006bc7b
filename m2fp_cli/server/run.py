"""Starting and ending the service: socket, workers, signals."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.errors import M2fpError
from m2fp_cli.kernels.cpu import settle_precision
from m2fp_cli.server import limits as bounds
from m2fp_cli.server.access import Access
from m2fp_cli.server.app import ServiceParts, build_app
from m2fp_cli.server.connection import TimedConnection
from m2fp_cli.server.information import ModelFacts
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.log import LibraryLog, ServiceLog
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.process import run_service_worker
from m2fp_cli.server.work import ServiceJob

_BACKLOG = 256  # connections that the system keeps until we come to them


@dataclass(frozen=True)
class ServicePlan:
    """Everything that the command line decides.

    Attributes:
        host: address to listen to.
        port: of it; 0 takes a free one.
        job: what workers do.
        pool: number of workers and threads.
        limits: what is put up with.
        access: who may ask.
        log_as_json: how the log is written.
    """

    host: str
    port: int
    job: ServiceJob
    pool: PoolPlan
    limits: ServiceLimits = field(default_factory=ServiceLimits)
    access: Access = field(default_factory=Access)
    log_as_json: bool = False


def run_service(plan: ServicePlan) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then finish what was begun.

    Raises:
        M2fpError: the address is taken or no worker can be started.
    """
    log = ServiceLog(as_json=plan.log_as_json)
    listener = open_listener(plan.host, plan.port)
    with contextlib.closing(listener), _library_log(log):
        _raise_file_limit()
        pool = _build_pool(plan, log)
        job = plan.job
        precision = settle_precision(job.precision)
        model = ModelFacts(job.model.name, job.model.weights, precision)
        parts = ServiceParts(pool, plan.limits, plan.access, model)
        config = http_config(build_app(parts, (log,)))
        pool.start()
        address = _address(listener)
        log.say(f"m2fp serve: {address} with {plan.pool.line()}", model=job.model.name)
        try:
            ServiceServer(config, pool, log).run([listener])
        finally:
            pool.close()
        if pool.failure is not None:
            raise pool.failure
        log.say("m2fp serve: ended")


def http_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=TimedConnection,
        loop="asyncio",  # whose connections can be told how much to read at once
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=int(bounds.DRAIN_SECONDS + bounds.LAST_ANSWERS_SECONDS),
        h11_max_incomplete_event_size=bounds.HEAD_BYTES,
    )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        M2fpError: the address is taken or is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise M2fpError(
            f"cannot listen to {host} port {port}: {error.strerror or error}; choose another with "
            "--host and --port"
        ) from error
    return listener


def _build_pool(plan: ServicePlan, log: ServiceLog) -> ServicePool:
    limits = PoolLimits(photo_seconds=plan.limits.photo_seconds)
    return ServicePool(run_service_worker, plan.job, plan.pool, limits, plan.limits.queue, log.say)


class ServiceServer(uvicorn.Server):
    """uvicorn's server, which also ends when there can be no workers, and exits 0 on SIGTERM."""

    def __init__(self, config: uvicorn.Config, pool: ServicePool, log: ServiceLog) -> None:
        """Serve an application whose workers are in a pool."""
        super().__init__(config)
        self._pool, self._log = pool, log
        self._began, self._is_warm = time.monotonic(), False

    async def on_tick(self, counter: int) -> bool:
        """Look whether to end; ten times a second."""
        if not self._is_warm and self._pool.card is not None:
            self._is_warm = True
            self._log.say(f"ready after {time.monotonic() - self._began:.1f} s")
        return await super().on_tick(counter) or self._pool.failure is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new and finish what was begun; what takes too long is answered 503."""
        self._log.say("m2fp serve: stopping; what was begun is finished")
        loop = asyncio.get_running_loop()
        ending = loop.call_later(bounds.DRAIN_SECONDS, loop.run_in_executor, None, self._pool.close)
        await super().shutdown(sockets)
        ending.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal once more at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup shall keep its word
            numbers.append(signal.SIGHUP)  # the terminal is closed
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End gently at the first signal, at once at the second."""
        if self.should_exit and sig != signal.SIGHUP:  # which a closed terminal sends twice
            self.force_exit = True
        self.should_exit = True


@contextlib.contextmanager
def _library_log(log: ServiceLog) -> Iterator[None]:
    """Take what uvicorn logs; it would else go to stderr in another form."""
    logger, handler = logging.getLogger("uvicorn"), LibraryLog(log)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _raise_file_limit() -> None:
    """Allow as many open connections as we mean to; the usual soft limit is 1024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = bounds.CONNECTIONS * 2 + 256
    if soft < wanted and (hard == resource.RLIM_INFINITY or hard >= wanted):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
