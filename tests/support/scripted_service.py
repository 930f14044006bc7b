"""A service whose workers obey the photo: no model, no picture, each says what shall happen.

What stands behind ``SCRIPT:`` at the end of a photo's file is the script: ``ok``, ``sleep 0.3``,
``wait PATH`` (until there is such a file), ``crash`` (segfault), ``hang``, ``stop`` (the process is
stopped), ``exit``, ``memory``, ``error`` (a bug), ``bad`` (ImageError), ``wrong`` (UsageError),
``big 1000`` (an answer of so many bytes), ``grow 1000`` (so many bytes are kept), ``tell`` (who
worked on it).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.delays import report_delay
from m2fp_cli.errors import ImageError, ModelError, UsageError
from m2fp_cli.server.access import Access
from m2fp_cli.server.app import ServiceParts, build_app
from m2fp_cli.server.information import ModelFacts
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.log import ServiceLog
from m2fp_cli.server.messages import Introduced, ShownAccessory, Wardrobe, WorkAnswer, WorkRequest
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.process import run_service_worker
from m2fp_cli.server.run import ServiceServer, http_config, open_listener

MARK = b"SCRIPT:"


def photo_file(script: str = "ok", size: tuple[int, int] = (8, 6), fmt: str = "JPEG") -> bytes:
    """A small picture that ends in a script."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(buffer, fmt)
    return buffer.getvalue() + MARK + script.encode()


@dataclass(frozen=True)
class ScriptedServiceJob:
    """Builds scripted workers.

    ``boot`` is ``ok``, ``refuse``, ``crash``, ``held-up``, ``sleep 1`` or ``dress 1``, which shows
    accessories so many seconds late.
    """

    boot: str = "ok"
    preload: tuple[str, ...] = ()

    def build_worker(self, threads: int) -> ScriptedServiceWorker:
        if self.boot == "refuse":
            raise ModelError("there is no such model")
        if self.boot == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.boot == "held-up":
            report_delay(9.0, "held up")
        if self.boot.startswith("sleep"):
            time.sleep(float(self.boot.split()[1]))
        return ScriptedServiceWorker(self.boot)


class ScriptedServiceWorker:
    """Obeys; see the module's text."""

    def __init__(self, boot: str) -> None:
        self._kept: list[bytes] = []
        word, _, number = boot.partition(" ")
        self._undressed = float(number) if word == "dress" else 0.0

    def introduce(self) -> Introduced:
        names, colors = ("Background", "Hair", "Face"), ((0, 0, 0), (255, 0, 0), (0, 255, 0))
        return Introduced(names, None, colors, colors)

    def show_accessories(self) -> Wardrobe:
        time.sleep(self._undressed)
        return Wardrobe((ShownAccessory("fedora", "hat", b"RIFF"),))

    def answer(self, request: WorkRequest) -> WorkAnswer:
        script = request.photo.rpartition(MARK)[2].decode()
        word, _, number = script.partition(" ")
        body = b"{}" if word != "big" else bytes(int(number))
        if word in _DEEDS:
            _DEEDS[word](number)
        if word == "grow":
            self._kept.append(b"x" * int(number))
        if word == "tell":
            body = json.dumps({"pid": os.getpid(), "worn": len(request.worn)}).encode()
        document = b"" if request.document else b"packed"
        return WorkAnswer(body, f"{request.name}.json", document, {"read": 0.001})


def _fail(error: Exception) -> Any:
    def deed(_: str) -> None:
        raise error

    return deed


def _kill(number: int) -> Any:
    return lambda _: os.kill(os.getpid(), number)


def _wait_for_file(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.005)


_DEEDS: Mapping[str, Any] = {
    "sleep": lambda number: time.sleep(float(number)),
    "wait": _wait_for_file,
    "hang": lambda _: time.sleep(600),
    "crash": _kill(signal.SIGSEGV),
    "stop": _kill(signal.SIGSTOP),
    "exit": lambda _: os._exit(3),
    "memory": _fail(MemoryError()),
    "error": _fail(RuntimeError("a bug")),
    "bad": _fail(ImageError("corrupt", "is damaged; export it again")),
    "wrong": _fail(UsageError("labels: no label 'x'")),
}


@dataclass(frozen=True)
class Reply:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def document(self) -> Any:
        return json.loads(self.body)


class LiveService:
    """The whole front, on a port of its own, with scripted workers behind it."""

    def __init__(self, pool: ServicePool, port: int, server: ServiceServer, log: io.StringIO):
        self.pool, self.port, self.server, self.log = pool, port, server, log

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30.0,
    ) -> Reply:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )

    def parse(self, script: str = "ok", query: str = "", **headers: str) -> Reply:
        """A scripted photo."""
        named = {"Content-Type": "image/jpeg", **headers}
        return self.ask("POST", f"/parse{query}", photo_file(script), named)

    def talk(self, data: bytes, seconds: float = 10.0) -> bytes:
        """Send bytes as they are and read to the end of the answer; empty if reset."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as line:
            with contextlib.suppress(ConnectionError):
                line.sendall(data)
            return read_all(line)

    def wait_until_open(self, count: int, seconds: float = 10.0) -> None:
        """Wait until so many requests are worked on or wait for it."""
        until = time.monotonic() + seconds
        while (now := self.pool.figures()).busy + now.queued != count:
            assert time.monotonic() < until, now
            time.sleep(0.005)

    def wait_until_ready(self) -> None:
        """Wait for as many workers as there shall be."""
        until = time.monotonic() + 60
        while self.pool.figures().ready < self.pool.figures().workers:
            assert time.monotonic() < until
            time.sleep(0.02)


def read_all(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65536):
            got += piece
    return got


def form(fields: Mapping[str, bytes | str | tuple[str, bytes]], boundary: str = "edge") -> bytes:
    """A multipart form; a pair is a file's name and content."""
    parts = []
    for name, value in fields.items():
        filename = f'; filename="{value[0]}"' if isinstance(value, tuple) else ""
        content = value[1] if isinstance(value, tuple) else value
        data = content.encode() if isinstance(content, str) else content
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


FORM = {"Content-Type": "multipart/form-data; boundary=edge"}


@contextlib.contextmanager
def running_service(
    *,
    workers: int = 1,
    boot: str = "ok",
    access: Access | None = None,
    growth_bytes: int = 300_000_000,
    **limits: Any,
) -> Iterator[LiveService]:
    """A service until the end of the block.

    Args:
        workers: number of processes.
        boot: what building a worker does.
        access: who may ask; everybody on this machine if it is not given.
        growth_bytes: a worker that grows by more is replaced.
        limits: fields of ``ServiceLimits``.
    """
    log = io.StringIO()
    service_log = ServiceLog(as_json=False, stream=log)
    chosen = ServiceLimits(**{"photo_seconds": 20.0, "queue": 4, **limits})
    pool = ServicePool(
        run_service_worker,
        ScriptedServiceJob(boot),
        PoolPlan(workers, 1, "as a test wants"),
        PoolLimits(photo_seconds=chosen.photo_seconds, growth_bytes=growth_bytes),
        chosen.queue,
        service_log.say,
    )
    parts = ServiceParts(pool, chosen, access or Access(), ModelFacts("none", "0" * 64, "fp32"))
    server = ServiceServer(http_config(build_app(parts, (service_log,))), pool, service_log)
    with contextlib.closing(open_listener("127.0.0.1", 0)) as listener:
        pool.start()
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        service = LiveService(pool, listener.getsockname()[1], server, log)
        try:
            yield service
        finally:
            server.should_exit = server.force_exit = True
            thread.join(30)
            pool.close()
