"""Addresses in object stores: ``s3://bucket/folder``, ``gs://...``, ``az://...``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import PurePath

from m2fp_cli.terminal import displayable

SCHEMES = ("s3", "gs", "az")
_BEGINNINGS = tuple(f"{scheme}://" for scheme in SCHEMES)
_FIRST_PARTS = frozenset(f"{scheme}:" for scheme in SCHEMES)
# A path object has made one slash of the two.
_WITHOUT_BUCKET = re.compile(rf"({'|'.join(SCHEMES)})://(/.*)?", re.DOTALL)
_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)}):/{{1,2}}([^/]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class StoreAddress:
    """A place in an object store.

    Attributes:
        scheme: member of ``SCHEMES``.
        bucket: name of the bucket; of the container on Azure.
        name: what the names of all objects there begin with, or the name of one object; without
            slashes at its ends, empty for the whole bucket.
    """

    scheme: str
    bucket: str
    name: str = ""

    def __str__(self) -> str:
        """As a user writes it, without any escapes."""
        return f"{self.scheme}://{self.bucket}/{self.name}".rstrip("/")

    @property
    def root(self) -> StoreAddress:
        """The bucket."""
        return replace(self, name="")

    def below(self, name: str) -> StoreAddress:
        """A place in this one."""
        return replace(self, name=f"{self.name}/{name}" if self.name else name)


def is_address(text: str) -> bool:
    """Whether a text is an address in a store, and not a path; for what a manifest or list says."""
    return text.startswith(_BEGINNINGS)


def parse_address(text: str | os.PathLike[str]) -> StoreAddress | None:
    """The address that a user named; None if it is a path of this machine.

    Args:
        text: also a path that was made of an address, with one slash behind the colon.
    """
    found = _ADDRESS.fullmatch(os.fspath(text))
    if found is None:
        return None
    return StoreAddress(found[1], found[2], (found[3] or "").strip("/"))


def names_no_bucket(text: str) -> bool:
    """Whether a text is an address without a bucket, such as ``s3:///out``.

    A script with an empty variable, ``s3://$BUCKET/out``, gives one. As a path it would have one
    slash and look like the bucket ``out``.
    """
    return _WITHOUT_BUCKET.fullmatch(text) is not None


def names_store(path: PurePath) -> bool:
    """Whether a path was made of an address by mistake: its caller takes paths only."""
    return any(part in _FIRST_PARTS for part in path.parts)


def only_here(place: str | PurePath, what: str = "here m2fp") -> str:
    """What is said of an address that somebody named where only paths are taken.

    Args:
        place: the address, or a path that was made of it.
        what: the command or option that takes no addresses.
    """
    shown = displayable(str(_address_in(place) or place))
    return f"{shown} is in an object store; {what} takes folders and files of this machine only"


def _address_in(place: str | PurePath) -> StoreAddress | None:
    """The address that a place was made of, perhaps as a path below the current folder."""
    parts = PurePath(place).parts
    first = next((i for i, part in enumerate(parts) if part in _FIRST_PARTS), 0)
    return parse_address("/".join(parts[first:]))


def shown_place(path: PurePath) -> str:
    """A path or an address that a user named, as they wrote it."""
    return str(parse_address(path) or path)
