"""The service's log on stderr: a line for each request, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import TextIO

from m2fp_cli.server.guard import Exchange
from m2fp_cli.terminal import displayable

_QUIET_PATHS = frozenset(("/healthz", "/readyz", "/metrics"))  # asked every few seconds
_PATH_LENGTH = 200


class ServiceLog:
    """Writes lines; watches the guard. Tokens and photos never get here, query strings neither."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        """Write to a stream, stderr if none is given."""
        self._as_json, self._stream = as_json, stream or sys.stderr

    def say(self, message: str, **fields: object) -> None:
        """One event."""
        if self._as_json:
            self._write({"level": "info", "message": message, **fields})
        else:
            values = " ".join(f"{name}={value}" for name, value in fields.items())
            self._line(f"{message} {values}".rstrip())

    def saw(self, exchange: Exchange) -> None:
        """A request has ended; probes are left out."""
        if exchange.path in _QUIET_PATHS and exchange.status in (200, 503):
            return
        path = displayable(exchange.path)[:_PATH_LENGTH]
        if self._as_json:
            self._write(
                {
                    "level": "error" if exchange.status >= 500 else "info",
                    "message": "request",
                    "id": exchange.request_id,
                    "method": exchange.method,
                    "path": path,
                    "status": exchange.status,
                    "seconds": round(exchange.seconds, 4),
                    "bytes": exchange.sent_bytes,
                    "error": exchange.error,
                }
            )
            return
        size = f"{exchange.sent_bytes / 1e3:.1f} kB"
        error = f" {exchange.error}" if exchange.error else ""
        self._line(
            f"{exchange.method} {path} {exchange.status}{error} {exchange.seconds:.3f} s {size} "
            f"id={exchange.request_id}"
        )

    def crashed(self, exchange: Exchange, error: Exception) -> None:
        """Something failed that should not: its traceback, with the request's id."""
        trace = "".join(traceback.format_exception(error))
        if self._as_json:
            fields = {"level": "error", "message": "internal error", "id": exchange.request_id}
            self._write({**fields, "traceback": trace})
        else:
            self._line(f"internal error id={exchange.request_id}\n{trace.rstrip()}")

    def _write(self, fields: dict[str, object]) -> None:
        now = time.time()
        stamp = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        )
        self._put(json.dumps({"time": stamp, **fields}))

    def _line(self, text: str) -> None:
        self._put(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")

    def _put(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class LibraryLog(logging.Handler):
    """Passes what the HTTP library has to say on to the service's log."""

    def __init__(self, log: ServiceLog) -> None:
        """Pass on warnings and worse."""
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line."""
        self._log.say(record.getMessage())
