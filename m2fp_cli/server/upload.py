"""The body of a request: read piece by piece, never more or more slowly than the limits say."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.types import Receive

from m2fp_cli.server import limits as bounds
from m2fp_cli.server.limits import MEBI, ServiceLimits
from m2fp_cli.server.problem import ClientGoneError, Problem, busy


class MemoryBudget:
    """Counts the bytes of uploads and answers that are in this process at once."""

    def __init__(self, limit_bytes: int) -> None:
        """Allow so many bytes."""
        self.limit_bytes, self.used_bytes = limit_bytes, 0

    @contextlib.contextmanager
    def share(self) -> Iterator[Share]:
        """A share of the budget, given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.used_bytes -= share.bytes


class Share:
    """What one request takes of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        """Start with nothing."""
        self._budget, self.bytes = budget, 0

    def take(self, count: int) -> None:
        """Take more, whether there is room or not: an answer that is made must be sent."""
        self.bytes += count
        self._budget.used_bytes += count

    def ask(self, count: int) -> None:
        """Take more for an upload.

        Raises:
            Problem: 429, there is no room.
        """
        if self._budget.used_bytes + count > self._budget.limit_bytes:
            raise busy(bounds.WINDOW_SECONDS, "too many uploads at once; try again later")
        self.take(count)


class BodyReader:
    """Reads one request's body.

    Attributes:
        is_done: the whole body was read.
        is_begun: a piece of it was asked for.
    """

    def __init__(
        self,
        receive: Receive,
        declared_bytes: int | None,
        limits: ServiceLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to read.

        Args:
            receive: the ASGI channel.
            declared_bytes: ``Content-Length``; None if there is none.
            limits: how much.
            clock: seconds that only grow.
        """
        self.is_done = self.is_begun = False
        self._receive, self._declared = receive, declared_bytes
        self._limits, self._clock = limits, clock

    async def pieces(self, share: Share) -> AsyncIterator[bytes]:
        """The body in pieces.

        Args:
            share: of the memory; each piece is taken from it.

        Raises:
            Problem: 413 too large, 408 too slow, 429 no memory.
            ClientGoneError: the client went away.
        """
        self._check_size(self._declared or 0)
        started = window = self._clock()
        total = in_window = 0
        while not self.is_done:
            piece = await self._next(bounds.WINDOW_SECONDS)
            now = self._clock()
            total, in_window = total + len(piece), in_window + len(piece)
            self._check_size(total)
            if not self.is_done and now - window > bounds.WINDOW_SECONDS:
                if in_window < bounds.WINDOW_BYTES or now - started > bounds.UPLOAD_SECONDS:
                    raise _too_slow()
                window, in_window = now, 0
            share.ask(len(piece))
            yield piece

    async def whole(self, share: Share) -> bytes:
        """The whole body; raises like ``pieces``."""
        body = bytearray()
        async for piece in self.pieces(share):
            body += piece
        return bytes(body)

    async def discard(self) -> None:
        """Read and drop for a moment, so that a client that still sends will see its answer."""
        left, until = self._limits.upload_bytes, self._clock() + bounds.DISCARD_SECONDS
        with contextlib.suppress(Problem, ClientGoneError):
            while not self.is_done and left > 0 and (seconds := until - self._clock()) > 0:
                left -= len(await self._next(seconds))

    async def _next(self, seconds: float) -> bytes:
        self.is_begun = True
        try:
            message = await asyncio.wait_for(self._receive(), seconds)
        except asyncio.TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self.is_done = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    def _check_size(self, count: int) -> None:
        limit = self._limits.upload_bytes
        if count > limit:
            raise Problem(
                413,
                "too_large",
                f"the upload has more than the {limit / MEBI:.4g} MiB that this service takes; "
                "send a smaller file",
            )


def _too_slow() -> Problem:
    return Problem(408, "too_slow", "the upload came too slowly; try again on a better network")
