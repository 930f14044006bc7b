"""The calls that m2fp makes to an object store, each tried again where that may help.

Puts are atomic: an object is there whole or not at all. ``put_new`` never replaces anything, also
not an object that appears at the last moment (``If-None-Match``), and ``replace`` nothing but what
the caller has seen (``If-Match``).
"""

from __future__ import annotations

import datetime
import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from m2fp_cli.errors import EngineError
from m2fp_cli.storage.errors import conflict
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.storage.remote.environment import allows_http, check_environment
from m2fp_cli.storage.remote.errors import INSTALL, as_store_error, may_pass
from m2fp_cli.storage.remote.stored_object import (
    StoredObject,
    Version,
    as_object,
    as_update,
    version_of,
)

_CHUNK_BYTES = 4 << 20
# A stalled answer is given up after a minute, a failed call tried again for three: a store that is
# away for longer ends the run, and what is done is kept.
_READ_TIMEOUT, _CONNECT_TIMEOUT, _TIMEOUT = "60s", "10s", "600s"
_RETRY_SECONDS = 180
_MAX_RETRIES = 8
_PAUSES = (0.2, 1.0, 5.0)  # seconds between tries of a call whose connection broke
LAST_CHARACTER = "\U0010ffff"
"""Sorts behind every other character of a name."""


class Bucket:
    """An open bucket; used by the parent of a run only, by any number of its threads."""

    def __init__(self, address: StoreAddress) -> None:
        """Open the bucket of an address; nothing is asked of the store yet.

        Credentials, region and endpoint come from the environment (``AWS_ACCESS_KEY_ID``,
        ``AWS_ENDPOINT_URL`` and so on) or from the machine's own role.

        Raises:
            EngineError: the extra is not installed.
            StoreError: a setting of the environment makes no sense.
        """
        try:
            self._obstore = importlib.import_module("obstore")
            stores = importlib.import_module("obstore.store")
        except ImportError as error:
            raise EngineError(
                f"{address} is in an object store; install what reads it: {INSTALL}"
            ) from error
        check_environment(address.scheme)
        self.address = address.root
        self._errors = self._obstore.exceptions
        client = {
            "timeout": _TIMEOUT,
            "read_timeout": _READ_TIMEOUT,
            "connect_timeout": _CONNECT_TIMEOUT,
            "allow_http": allows_http(),
        }
        retry = {
            "max_retries": _MAX_RETRIES,
            "retry_timeout": datetime.timedelta(seconds=_RETRY_SECONDS),
        }
        kinds = {"s3": stores.S3Store, "gs": stores.GCSStore, "az": stores.AzureStore}
        try:
            self._store = kinds[address.scheme](
                address.bucket, client_options=client, retry_config=retry
            )
        except Exception as error:
            raise as_store_error(self._obstore, self.address, error, writing=False) from error

    def walk(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """All objects whose name begins with the parts of a prefix, sorted by their names.

        Args:
            prefix: whole parts of names; empty for all.
            after: leave out names up to this one.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        place = after
        stream: Any = None

        def next_portion(store: Any) -> Any:
            nonlocal stream
            left, stream = stream, None  # one that broke would say that it is over
            if left is None:
                left = self._obstore.list(
                    store, prefix or None, offset=place or None, chunk_size=1000
                )
            portion = next(left, None)
            stream = left
            return portion

        while True:
            with self._translated(prefix, writing=False):
                portion = self._again(next_portion)
            if not portion:
                return
            place = portion[-1]["path"]
            yield from map(as_object, portion)

    def walk_flat(self, prefix: str) -> Iterator[StoredObject]:
        """Objects directly in a folder, and the first one of each folder in it, sorted.

        What else is in a folder is jumped over, which costs a request; nothing is held in memory.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        above = f"{prefix}/" if prefix else ""
        after: str | None = ""
        while after is not None:
            start, after = after, None
            for one in self.walk(prefix, after=start):
                yield one
                folder, slash, _ = one.name[len(above) :].partition("/")
                if slash:
                    after = f"{above}{folder}/{LAST_CHARACTER}"
                    break

    def is_folder(self, prefix: str) -> bool:
        """Whether the names of objects begin with the parts of a prefix.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        return next(self.walk(prefix), None) is not None

    def head(self, name: str) -> StoredObject | None:
        """What is known of an object; None if there is none.

        Raises:
            StoreError: the store cannot be asked.
        """
        with self._translated(name, writing=False):
            try:
                return as_object(self._again(self._obstore.head, name))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> tuple[bytes, StoredObject] | None:
        """The bytes of an object, and what is known of it; None if there is none.

        Raises:
            StoreError: it cannot be read.
        """
        with self._translated(name, writing=False):
            try:
                found: tuple[bytes, StoredObject] = self._again(self._read, name)
                return found
            except FileNotFoundError:
                return None

    def read_range(self, name: str, start: int, end: int) -> bytes:
        """Some bytes of an object that is there.

        Raises:
            StoreError: it cannot be read.
        """
        with self._translated(name, writing=False):
            return bytes(self._again(self._obstore.get_range, name, start=start, end=end))

    def fetch(self, name: str, path: Path) -> StoredObject | None:
        """Copy an object into a file; None if there is no object.

        Raises:
            StoreError: it cannot be read.
            OSError: the file cannot be written.
        """
        with self._translated(name, writing=False):
            try:
                found: StoredObject = self._again(self._fetch, name, path)
                return found
            except FileNotFoundError as error:
                if error.filename is not None:  # the file's folder is gone
                    raise
                return None

    def put_new(self, name: str, data: bytes) -> Version:
        """Write an object that is not there.

        Raises:
            ConflictError: there is one of this name. An equal one is taken for ours: the answer to
                our own put may have been lost, and it was tried again.
            M2fpError: see ``as_store_error``.
        """
        with self._translated(name, writing=True):
            try:
                return version_of(self._put(name, data, "create"))
            except self._errors.AlreadyExistsError as error:
                failure = error
        there = self.read(name)
        if there is None or there[0] != data:
            raise conflict(str(self.address.below(name))) from failure
        return there[1].version

    def put(self, name: str, data: bytes) -> None:
        """Write an object, whether or not there is one.

        Raises:
            M2fpError: see ``as_store_error``.
        """
        with self._translated(name, writing=True):
            self._put(name, data, "overwrite")

    def replace(self, name: str, data: bytes, version: Version) -> Version | None:
        """Write an object in place of one version; the new one, None if that is not there now.

        Raises:
            M2fpError: see ``as_store_error``.
        """
        with self._translated(name, writing=True):
            try:
                return version_of(self._put(name, data, as_update(version)))
            except (self._errors.PreconditionError, FileNotFoundError):
                pass
        there = self.read(name)  # our own put, whose answer was lost?
        return there[1].version if there is not None and there[0] == data else None

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine.

        Raises:
            M2fpError: see ``as_store_error``.
        """
        with self._translated(name, writing=True):
            try:
                self._again(self._obstore.delete, name)
            except FileNotFoundError:
                return

    def _put(self, name: str, data: bytes, mode: Any) -> Any:
        return self._again(self._obstore.put, name, data, mode=mode, use_multipart=False)

    def _read(self, store: Any, name: str) -> tuple[bytes, StoredObject]:
        answer = self._obstore.get(store, name)
        return bytes(answer.bytes()), as_object(answer.meta)

    def _fetch(self, store: Any, name: str, path: Path) -> StoredObject:
        answer = self._obstore.get(store, name)
        with path.open("wb") as file:
            for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                file.write(chunk)
        return as_object(answer.meta)

    def _again(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Make a call, and make it again where a connection broke.

        The library itself does so for answers of 500 and above; of a broken connection it does not
        know whether the call was carried out, and it does not go on with half an answer. Ours may
        all be carried out twice.
        """
        for pause in (*_PAUSES, None):
            try:
                return call(self._store, *arguments, **options)
            except self._errors.GenericError as error:  # noqa: PERF203 - a call to a store
                if pause is None or not may_pass(error):
                    raise
                time.sleep(pause)
        return None

    def _translated(self, name: str, *, writing: bool) -> _Translated:
        return _Translated(self._obstore, self.address.below(name), writing=writing)


class _Translated:
    """A context in which the library's errors become ours."""

    def __init__(self, obstore: Any, address: StoreAddress, *, writing: bool) -> None:
        self._obstore, self._address, self._writing = obstore, address, writing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        named = (self._obstore.exceptions.BaseError, FileNotFoundError, UnicodeEncodeError)
        ours = isinstance(error, named) and getattr(error, "filename", None) is None
        if ours and isinstance(error, Exception):
            raise as_store_error(
                self._obstore, self._address, error, writing=self._writing
            ) from error
