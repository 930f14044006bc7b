"""Where the page of ``m2fp report`` goes: a file of this machine, or an object in a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.layout import PAGE_MARK
from m2fp_cli.storage.beforehand import check_file
from m2fp_cli.storage.remote.address import StoreAddress, parse_address
from m2fp_cli.storage.remote.objects import Bucket
from m2fp_cli.storage.writing import write_file
from m2fp_cli.terminal import displayable


class PagePlace(Protocol):
    """A place for one page. An earlier page of ours in it is replaced, no other file is."""

    def check(self) -> object:
        """Find out before the work whether ``write`` can write the page.

        Raises:
            OutputError: another's file is in its place, or none can be written there.
            M2fpError: the store cannot be read.
        """

    def write(self, page: bytes) -> str:
        """Write the page; its path or address.

        Raises:
            OutputError: as ``check``.
            M2fpError: the store does not take it.
        """


@dataclass(frozen=True)
class FilePlace:
    """A file of this machine; see ``PagePlace``.

    Attributes:
        path: of the page.
    """

    path: Path

    def check(self) -> None:
        """See ``PagePlace``."""
        check_file(self.path, PAGE_MARK)

    def write(self, page: bytes) -> str:
        """See ``PagePlace``."""
        write_file(self.path, page, mark=PAGE_MARK)
        return str(self.path)


@dataclass(frozen=True, eq=False)
class ObjectPlace:
    """An object in a store; see ``PagePlace``.

    Attributes:
        bucket: of the address.
        address: of the page.
    """

    bucket: Bucket
    address: StoreAddress

    def check(self) -> bool:
        """See ``PagePlace``; whether an earlier page of ours is there."""
        there = self.bucket.read(self.address.name)
        if there is not None and PAGE_MARK not in there[0]:
            raise OutputError(
                f"{displayable(str(self.address))} is there already and m2fp did not write it; "
                "remove it or give --output another name"
            )
        return there is not None

    def write(self, page: bytes) -> str:
        """See ``PagePlace``."""
        if self.check():
            self.bucket.put(self.address.name, page)
        else:
            self.bucket.put_new(self.address.name, page)
        return str(self.address)


def page_address(output: Path | None) -> StoreAddress | None:
    """The object that a page is to be put as; None if it is to be a file.

    Raises:
        UsageError: the address names no object.
    """
    address = None if output is None else parse_address(output)
    if address is not None and not address.name:
        raise UsageError(f"{address} is a whole bucket; give --output the name of an object in it")
    return address
