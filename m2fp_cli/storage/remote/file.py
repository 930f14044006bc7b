"""An object read as a file: a list of gigabytes of which a slice is wanted is not copied."""

from __future__ import annotations

import io

from m2fp_cli.storage.remote.objects import Bucket

_BUFFER_BYTES = 256 << 10  # a request costs as long as the transfer of about as much


def open_object(bucket: Bucket, name: str) -> tuple[io.BufferedReader, int] | None:
    """An object as a seekable file, and its size; None if there is none.

    Raises:
        StoreError: the store cannot be asked.
    """
    found = bucket.head(name)
    if found is None:
        return None
    return io.BufferedReader(_Object(bucket, name, found.size), _BUFFER_BYTES), found.size


class _Object(io.RawIOBase):
    def __init__(self, bucket: Bucket, name: str, size: int) -> None:
        self._bucket, self._name, self._size, self._place = bucket, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        end = min(self._size, self._place + len(buffer))
        if end <= self._place:
            return 0
        data = self._bucket.read_range(self._name, self._place, end)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
