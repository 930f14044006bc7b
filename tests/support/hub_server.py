"""A small ModelScope hub on the loopback interface, to drive the real client against.

It speaks the part of the hub's API that a download needs::

    GET /api/v1/models/OWNER/NAME/repo/files?Revision=&Recursive=   the list of files
    GET /api/v1/models/OWNER/NAME/repo?Revision=&FilePath=          one file, also a range of it
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

API = "/api/v1/models/"


@dataclass
class Hub:
    """What the server serves and how it misbehaves.

    Attributes:
        models: bytes by file name by ``owner/name``.
        send_instead: bytes sent for a file instead of the listed ones.
        cut_after: close the connection after so many bytes of a file's body, once.
        hang: "list" never answers with the list of files, "files" hangs within a file's body.
        status: answer every request with this HTTP status; 0 serves.
        requests: what was asked for, as (kind, file name, Range header).
        first_asked: when the first request came, in seconds of ``time.monotonic``; 0 before.
    """

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    send_instead: dict[str, bytes] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)
    hang: str = ""
    status: int = 0
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    first_asked: float = 0.0
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port of 127.0.0.1; its ``url`` says where."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """A client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self.hub.first_asked = self.hub.first_asked or time.monotonic()
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        model, _, what = parts.path.removeprefix(API).partition("/repo")
        if self.hub.status:
            self._json(self.hub.status, {"Code": 1, "Message": "no", "Success": False})
        elif not parts.path.startswith(API) or model not in self.hub.models:
            self._json(404, {"Code": 10010205001, "Message": "record not found", "Success": False})
        elif what == "/files":
            self._list(model)
        else:
            self._file(model, query["FilePath"])

    def _list(self, model: str) -> None:
        self.hub.requests.append(("list", model, None))
        if self.hub.hang == "list":
            self.hub.released.wait(300)
        files = [
            {
                "Name": name,
                "Path": name,
                "Type": "blob",
                "Size": len(content),
                "Sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in self.hub.models[model].items()
        ]
        self._json(200, {"Code": 200, "Data": {"Files": files}, "Message": "", "Success": True})

    def _file(self, model: str, name: str) -> None:
        asked = self.headers.get("Range")
        self.hub.requests.append(("file", name, asked))
        content = self.hub.send_instead.get(name, self.hub.models[model][name])
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        body = content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if name in self.hub.cut_after:
            self.wfile.write(body[: self.hub.cut_after.pop(name)])
            self.close_connection = True
        elif self.hub.hang == "files":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.hub.released.wait(300)
        else:
            self.wfile.write(body)

    def _json(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return
