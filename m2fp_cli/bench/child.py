"""A process that measures for us: started, asked in lines of JSON, never waited for without end."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from m2fp_cli.batch.processes import python_command, worker_environment
from m2fp_cli.errors import EngineError

START_SECONDS = 900.0  # ModelScope imports for 16 s of CPU time; on a crowded machine for minutes
ANSWER_SECONDS = 1800.0


class Child:
    """One process that runs a module; see ``serve`` for its side.

    It runs with the environment that the batch engine gives its workers. Threads that spin while
    they wait, libgomp's default, made one photo take 72 s instead of 12 on a machine that others
    use too; what the user has set stays.

    Attributes:
        ready: what it said when it had started.
        start_seconds: from the start of the process until then.
    """

    def __init__(
        self,
        name: str,
        module: str,
        order: dict[str, Any],
        threads: int,
        timeout: float = START_SECONDS,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            name: of what it measures, for messages.
            module: to run.
            order: what it is told at its start.
            threads: cores that it may use.
            timeout: seconds to wait.
            variables: of its environment, over those of ``worker_environment``.

        Raises:
            EngineError: it says why it cannot, ends, or takes too long.
        """
        started = time.perf_counter()
        self.name, self._buffer = name, b""
        with worker_environment(threads):
            self._process = subprocess.Popen(
                python_command(module, json.dumps(order)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **(variables or {})},
            )
        try:
            self.ready = self._read(timeout)
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.perf_counter() - started

    def ask(self, question: dict[str, Any], timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            EngineError: it answers with an error, ends, or takes too long.
        """
        self.tell(question)
        return self.hear(timeout)

    def tell(self, question: dict[str, Any]) -> None:
        """Ask without waiting, so that several processes work at once."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def hear(self, timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The answer to the oldest question."""
        return self._read(timeout)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor, deadline = self._process.stdout.fileno(), time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise EngineError(f"{self.name} gave no answer in {timeout:.0f} s")
            block = os.read(descriptor, 1 << 16)
            if not block:
                raise self._ended()
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(f"{self.name}: {answer['error']}")
        return answer

    def _ended(self) -> EngineError:
        code = self._process.wait()
        if code < 0:
            why = f"was killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
        else:
            why = f"ended with code {code}"
        return EngineError(f"{self.name} {why}; see the lines above")
