"""What a store says about an object: its size, its time, and which version it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object: S3 and Azure know it by its ETag, GCS by a number."""

    etag: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store says about an object.

    Attributes:
        name: whole name in the bucket.
        size: number of bytes.
        mtime_ns: time of change in nanoseconds since 1970. Stores count whole seconds; below them
            stands a digest of the object's ETag, so that a change within a second is seen.
        version: what is there now.
    """

    name: str
    size: int
    mtime_ns: int
    version: Version = Version()


def as_object(meta: Any) -> StoredObject:
    """What the library says of an object, as a record."""
    version = version_of(meta)
    seconds = int(meta["last_modified"].timestamp())
    # Azure quotes ETags in one answer and not in another.
    digest = hashlib.blake2b(version.etag.strip('"').encode(), digest_size=8).digest()
    below = int.from_bytes(digest, "big") % NANOSECONDS
    return StoredObject(meta["path"], int(meta["size"]), seconds * NANOSECONDS + below, version)


def version_of(result: Any) -> Version:
    """The version that the library names after a put, or of an object."""
    return Version(str(result["e_tag"] or ""), str(result["version"] or ""))


def as_update(version: Version) -> dict[str, str]:
    """The mode of a put that replaces this version alone."""
    named = {"e_tag": version.etag, "version": version.number}
    return {name: value for name, value in named.items() if value}
