"""One client's connection: uvicorn's, with clocks for clients that send or read too slowly.

uvicorn has a clock for connections without a request only. A client that sends its head byte by
byte, or never reads its answer, would stay for ever.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.guard import CROWDED


class TimedConnection(H11Protocol):
    """See the module's text; what a request's body takes is the affair of ``upload``.

    A connection beyond ``limits.CONNECTIONS`` says so in the state of its requests: uvicorn's own
    limit answers as no other part of the service does, and probes as well.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Like uvicorn's own."""
        super().__init__(*arguments, **named)
        self._head_clock: asyncio.TimerHandle | None = None
        self._read_clock: asyncio.TimerHandle | None = None
        self._paused_at = 0.0
        self._read_cpu_seconds = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: its first head is awaited."""
        super().connection_made(transport)
        transport.max_size = bounds.READ_BYTES  # type: ignore[attr-defined]
        if len(self.connections) > bounds.CONNECTIONS:
            self.app_state = {**self.app_state, CROWDED: True}
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes have come: a whole head ends the waiting for it, a part of one does not."""
        started = time.thread_time()
        super().data_received(data)
        self._read_cpu_seconds += time.thread_time() - started
        if self._read_cpu_seconds > bounds.READ_CPU_SECONDS:
            self._cut_off()
            return
        if self.cycle is not None and not self.cycle.response_complete:
            _stop(self._head_clock)

    def on_response_complete(self) -> None:
        """An answer is sent: the next head is awaited."""
        self._read_cpu_seconds = 0.0
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is made."""
        super().pause_writing()
        self._paused_at = time.monotonic()
        self._watch_reading()

    def resume_writing(self) -> None:
        """It has taken most of what was sent."""
        super().resume_writing()
        _stop(self._read_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        _stop(self._head_clock)
        _stop(self._read_clock)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: uvicorn would tell the operator to install a library of WebSockets."""

    def _cut_off(self) -> None:
        """End the connection without sending what is left, which the system would go on with."""
        line = self.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: the clock of the head ends idle connections once the answer has arrived."""

    def _await_head(self) -> None:
        _stop(self._head_clock)
        left = self._unsent_bytes()
        self._head_clock = self.loop.call_later(bounds.HEAD_SECONDS, self._miss_head, left)

    def _miss_head(self, left: int) -> None:
        """No head has come: end the connection, unless the answer before is still on its way."""
        unsent = self._unsent_bytes()
        if unsent == 0:
            self.transport.close()  # and not reset: what has arrived may not be read yet
        elif left - unsent < bounds.WINDOW_BYTES:
            self._cut_off()
        else:
            clock = self.loop.call_later(bounds.WINDOW_SECONDS, self._miss_head, unsent)
            self._head_clock = clock

    def _unsent_bytes(self) -> int:
        """Bytes of answers that have not arrived: ours, and the system's, which has megabytes."""
        line = self.transport.get_extra_info("socket")
        if line.fileno() < 0:  # it is closed
            return 0
        queued = struct.unpack("i", fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
        return self.transport.get_write_buffer_size() + int(queued)

    def _watch_reading(self) -> None:
        """Look again after a window; end the connection if hardly anything was taken in it."""
        _stop(self._read_clock)
        left = self._unsent_bytes()

        def look() -> None:
            taken = left - self._unsent_bytes()
            tired = time.monotonic() - self._paused_at > bounds.ANSWER_SECONDS
            if taken < bounds.WINDOW_BYTES or tired:
                self._cut_off()
            else:
                self._watch_reading()

        self._read_clock = self.loop.call_later(bounds.WINDOW_SECONDS, look)


def _stop(clock: asyncio.TimerHandle | None) -> None:
    if clock is not None:
        clock.cancel()
