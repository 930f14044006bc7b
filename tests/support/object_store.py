"""A real S3 server on loopback (moto's), with faults on demand between it and its clients."""

from __future__ import annotations

import contextlib
import importlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

BUCKET = "photos-test"
_ACCOUNT = "123456789012"


@dataclass
class Fault:
    """What goes wrong with requests.

    Attributes:
        method: of the requests.
        part: of their paths.
        status: the answer's; 0 for none.
        code: the answer's error code.
        times: how many requests it hits.
        seconds: wait so long first.
        reset: close the connection without an answer.
        after: do the work first, so that only the answer is lost.
        half: break the connection in the middle of the answer.
    """

    method: str
    part: str = ""
    status: int = 0
    code: str = "InternalError"
    times: int = 1
    seconds: float = 0.0
    reset: bool = False
    after: bool = False
    half: bool = False


@dataclass
class ObjectStore:
    """The server as a test sees it.

    Attributes:
        faults: those to come.
        requests: (method, path) of all requests so far.
    """

    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _backend: Any = None

    def put(self, name: str, data: bytes | str, *, later_seconds: float = 0) -> None:
        """Have an object there, put by somebody else, perhaps later than now."""
        content = data.encode() if isinstance(data, str) else data
        key = self._backend.put_object(BUCKET, name, content)
        key.last_modified += timedelta(seconds=later_seconds)

    def read(self, name: str) -> bytes:
        content: bytes = self._backend.get_object(BUCKET, name).value
        return content

    def names(self, prefix: str = "") -> list[str]:
        keys = self._backend.buckets[BUCKET].keys
        return sorted(name for name in keys if name.startswith(prefix))

    def tree(self, folder: str) -> dict[str, bytes]:
        """Everything below an output but its state: content by relative name."""
        names = (name for name in self.names(f"{folder}/") if ".m2fp/" not in name)
        return {name[len(folder) + 1 :]: self.read(name) for name in names}

    def delete(self, name: str) -> None:
        self._backend.delete_object(BUCKET, name)

    def clear(self) -> None:
        for name in self.names():
            self.delete(name)
        self.faults.clear()
        self.requests.clear()

    def __call__(self, app: Any, environ: dict[str, Any], respond: Any) -> Any:
        """Answer a request, or not (WSGI)."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        fault = self._fault_of(method, path + "?" + environ.get("QUERY_STRING", ""))
        if fault is None:
            return app(environ, respond)
        time.sleep(fault.seconds)
        if fault.after:
            b"".join(app(environ, lambda *_: None))
        if fault.reset:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError
        if fault.half:
            return _half(b"".join(app(environ, respond)), environ["werkzeug.socket"])
        if not fault.status:
            return app(environ, respond)
        body = f"<Error><Code>{fault.code}</Code><Message>a fault</Message></Error>".encode()
        respond(f"{fault.status} FAULT", [("Content-Length", str(len(body)))])
        return [body]

    def _fault_of(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and fault.part in path:
                fault.times -= 1
                return fault
        return None


def _half(body: bytes, connection: socket.socket) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running_store() -> Iterator[ObjectStore]:
    """The server with an empty bucket, found through the environment."""
    pytest.importorskip("obstore", reason="needs the extra cloud")
    pytest.importorskip("moto", reason="needs moto")
    moto: Any = importlib.import_module("moto.moto_server.werkzeug_app")
    serving: Any = importlib.import_module("werkzeug.serving")
    s3_backends: Any = importlib.import_module("moto.s3.models").s3_backends
    quiet = type("Quiet", (serving.WSGIRequestHandler,), {"log": lambda *_: None})
    store = ObjectStore(_backend=s3_backends[_ACCOUNT]["aws"])
    if BUCKET in store._backend.buckets:  # of another module of this process
        store.clear()
    else:
        store._backend.create_bucket(BUCKET, "us-east-1")
    app = moto.DomainDispatcherApplication(moto.create_backend_app)
    server = serving.make_server(
        "127.0.0.1", 0, lambda *ask: store(app, *ask), threaded=True, request_handler=quiet
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(server.port).items():
            patch.setenv(name, value)
        patch.setattr("m2fp_cli.storage.remote.objects._MAX_RETRIES", 2)
        yield store
    server.shutdown()
    thread.join()
    store.clear()


def environment(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


def address_of(name: str) -> Path:
    """What the command line makes of an address."""
    return Path(f"s3://{BUCKET}/{name}")
