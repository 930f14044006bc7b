"""``m2fp serve`` as a process of its own, with the bundled model."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.scripted_service import Reply

EXAMPLES = Path(__file__).parents[2] / "examples"


class ServiceProcess:
    """The process, its port, and its log file."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())

    def wait_until_ready(self, seconds: float = 600.0) -> None:
        """Wait for a worker that has loaded the model; a first compilation takes its time."""
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if self.ask("GET", "/readyz").status == 200:
                    return
            assert time.monotonic() < until, self.log
            assert self.process.poll() is None, self.log
            time.sleep(0.1)


@contextlib.contextmanager
def serving(
    folder: Path, *options: str, port: int = 0, env: Mapping[str, str] | None = None
) -> Iterator[ServiceProcess]:
    """A service until the end of the block.

    Args:
        folder: for its log.
        options: more options of ``m2fp serve``.
        port: to listen to; 0 for a free one.
        env: more environment variables.
    """
    log = folder / f"serve-{port}-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "m2fp_cli", "serve", "--model", "starter", "--port", str(port)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--workers", "1", *options],
            stderr=stream,
            stdout=stream,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup ignores it
        )
    try:
        yield ServiceProcess(process, port or _port_in(log, process), log)
    finally:
        process.kill()
        process.wait(30)


def _port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text("utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


def two_people() -> Image.Image:
    """The two portraits of the examples side by side."""
    files = [EXAMPLES / f"{name}.jpg" for name in ("astronaut", "grace_hopper")]
    pictures = [Image.open(path).convert("RGB").resize((400, 440)) for path in files]
    return Image.fromarray(np.hstack([np.asarray(picture) for picture in pictures]))
