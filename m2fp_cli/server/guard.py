"""What every request has to pass, and what every answer carries.

Host name, origin and token are looked at before anything else of a request is. Errors become JSON
documents with the request's id, which the log has too.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from m2fp_cli.server.access import Access, is_open
from m2fp_cli.server.problem import ClientGoneError, Problem, closing
from m2fp_cli.server.target import take_host

CROWDED = "is_crowded"
"""In the state of a request: too many connections were open when its own came."""

_ALIVE = "/healthz"  # an orchestrator that gets no answer would end a service for being busy
_CROWDED_SECONDS = 5
_ALLOWED = "Access-Control-Allow-Origin"
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PIECE_BYTES = 256 * 1024
_ANSWER_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class Exchange:
    """One request and what became of it, for the log and the metrics.

    Attributes:
        request_id: its name in log and answer.
        method: of the request.
        path: as it was asked for.
        route: the path's template in the API; empty where there is none.
        status: of the answer; 0 if the client went away before.
        seconds: from the head of the request to the end of the answer.
        sent_bytes: of the answer's body.
        error: code of the problem.
        resources: closed when the last byte of the answer is sent.
    """

    request_id: str
    method: str
    path: str
    route: str = ""
    status: int = 0
    seconds: float = 0.0
    sent_bytes: int = 0
    error: str = ""
    resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


class Watcher(Protocol):
    """Is told of every exchange when it has ended."""

    def saw(self, exchange: Exchange) -> None:
        """Take note of it."""

    def crashed(self, exchange: Exchange, error: Exception) -> None:
        """Something failed that should not."""


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, access: Access, watchers: Iterable[Watcher] = ()) -> None:
        """Stand before an application."""
        self._app, self._access, self._watchers = app, access, tuple(watchers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request; anything but HTTP is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, named = Headers(scope=scope), take_host(scope)
        asked_id = headers.get("x-request-id", "")
        request_id = asked_id if _SAFE_ID.fullmatch(asked_id) else secrets.token_hex(8)
        exchange = Exchange(request_id, scope["method"], scope["path"])
        scope.setdefault("state", {})["exchange"] = exchange
        scope["app"] = self  # lets the router raise what it cannot find, for us to answer
        started = time.perf_counter()
        answer = _Answer(send, exchange, self._cors_headers(headers))
        try:
            self._check(scope, headers, named)
            if scope["method"] == "OPTIONS" and _ALLOWED in answer.cors:
                await answer.send_preflight()
                return
            await self._app(scope, receive, answer)
        except ClientGoneError:
            exchange.error = "client_gone"
        except asyncio.CancelledError:  # the service ends; uvicorn would answer a plain 500
            await self._explain(answer, exchange, closing())
        except Exception as error:
            await self._explain(answer, exchange, error)
        finally:
            exchange.resources.close()
            exchange.seconds = time.perf_counter() - started
            for watcher in self._watchers:
                watcher.saw(exchange)

    def _cors_headers(self, headers: Headers) -> dict[str, str]:
        origin = headers.get("origin", "")
        if not self._access.origins:
            return {}
        if origin not in self._access.origins:
            return {"Vary": "Origin"}  # a cache must not give this answer to one on the list
        return {
            _ALLOWED: origin,
            "Access-Control-Expose-Headers": "Content-Disposition, Location, M2FP-Result, "
            "Retry-After, Server-Timing, X-Request-Id",
            "Vary": "Origin",
        }

    async def _explain(self, answer: _Answer, exchange: Exchange, error: Exception) -> None:
        problem = as_problem(error)
        exchange.error = problem.code
        if problem.code == "internal":
            for watcher in self._watchers:
                watcher.crashed(exchange, error)
        if not answer.is_begun:
            await answer.send_problem(problem)

    def _check(self, scope: Scope, headers: Headers, named: str | None) -> None:
        """Crowds, framing, host, origin, token.

        Args:
            scope: the request.
            headers: of it.
            named: host in the address that was asked for; it counts, not the header.

        Raises:
            Problem: one of them is wrong.
        """
        if scope["state"].get(CROWDED) and scope["path"] != _ALIVE:
            later = {"Retry-After": str(_CROWDED_SECONDS), "Connection": "close"}
            raise Problem(503, "crowded", "too many connections are open; try again later", later)
        if "transfer-encoding" in headers and "content-length" in headers:
            # Two clients' requests could be told apart in two ways, see RFC 9112, 6.1.
            closing = {"Connection": "close"}
            raise Problem(400, "two_lengths", "send one of Content-Length and chunks", closing)
        hosts, access = headers.getlist("host"), self._access
        host = named if named is not None else "".join(hosts)
        if len(hosts) != 1 or not access.takes_host(host):
            why = f"this service is not known as {host[:80]!r}; name it with --allowed-hosts"
            if not host:  # checks of HAProxy, as long as nobody tells it
                why = "the request names no host; send the header Host with the service's name"
            raise Problem(421, "wrong_host", why)
        origin = headers.get("origin")
        if origin is not None and not access.takes_origin(origin, host):
            raise Problem(
                403,
                "wrong_origin",
                f"pages of {origin[:80]!r} may not use the service as {host[:80]!r}; let them in "
                "with --cors, or have the proxy before the service pass on the header Host",
            )
        if is_open(scope["path"]) or scope["method"] == "OPTIONS":
            return
        if not access.takes_token(headers.get("authorization", "")):
            raise Problem(
                401,
                "no_token",
                "send the service's token, as in 'Authorization: Bearer TOKEN'",
                {"WWW-Authenticate": 'Bearer realm="m2fp"'},
            )


def as_problem(error: Exception) -> Problem:
    """What a client is told about an error; nothing of the inside of an unforeseen one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "refused")
        sentence = {
            404: "there is nothing here; /docs lists what there is",
            405: "this path takes other methods; see the Allow header",
        }.get(error.status_code, str(error.detail))
        return Problem(error.status_code, code, sentence, error.headers)
    return Problem(500, "internal", "the service failed; its log has the request's id")


class _Answer:
    """The ASGI channel of an answer, which adds the headers that every answer has."""

    def __init__(self, send: Send, exchange: Exchange, cors: dict[str, str]) -> None:
        self._send, self._exchange, self.cors = send, exchange, cors
        self.is_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            self._exchange.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in (_ANSWER_HEADERS | self.cors).items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-Id"] = self._exchange.request_id
            await self._send(message)
        else:
            await self._send_body(message)

    async def _send_body(self, message: Message) -> None:
        """In pieces: each waits until the client has taken most of what was sent before."""
        body, more = memoryview(message.get("body", b"")), message.get("more_body", False)
        for at in range(0, max(1, len(body)), _PIECE_BYTES):
            piece = bytes(body[at : at + _PIECE_BYTES])
            is_last = at + _PIECE_BYTES >= len(body) and not more
            await self._send({**message, "body": piece, "more_body": not is_last})
            if self._exchange.method != "HEAD":  # of which the HTTP layer sends no body
                self._exchange.sent_bytes += len(piece)

    async def send_preflight(self) -> None:
        allowed = {
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-Id",
            "Access-Control-Max-Age": "600",
        }
        pairs = [(n.lower().encode(), v.encode()) for n, v in allowed.items()]
        await self({"type": "http.response.start", "status": 204, "headers": pairs})
        await self({"type": "http.response.body", "body": b""})

    async def send_problem(self, problem: Problem) -> None:
        body = problem.body(self._exchange.request_id)
        headers: dict[str, Any] = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **problem.headers,
        }
        pairs = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
        await self({"type": "http.response.start", "status": problem.status, "headers": pairs})
        await self({"type": "http.response.body", "body": body})
