"""The page of an output in an object store: what it is made from is copied to this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.layout import REPORT_PAGE, preview_name
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.remote.address import StoreAddress, parse_address
from m2fp_cli.storage.remote.objects import Bucket
from m2fp_cli.terminal import displayable


class StoredReport:
    """Reads an output in a store, and puts the page there.

    Attributes:
        keeps: previews and the page are put; else the store is only read.
    """

    def __init__(self, remote: Remote, results: Path, *, keep: bool) -> None:
        """Copy the manifests and list the results.

        Raises:
            UsageError: ``results`` is not an address.
            StoreError: the store cannot be asked.
        """
        self._mirror, self.keeps = remote.open_results(results, ("parse", "report")), keep
        self._mirror.look_up("results")
        if keep:
            remote.output_folder(results)

    @property
    def folder(self) -> Path:
        """What stands for the output."""
        return self._mirror.folder

    @property
    def look(self) -> Look:
        """What is in the output."""
        return self._mirror.listing

    @property
    def title(self) -> str:
        """What the page is called."""
        return str(self._mirror.address)

    def fetch_previews(self, keys: Iterable[str]) -> None:
        """Copy what the page shows of photos; nothing where that is on this machine anyway.

        Raises:
            StoreError: it cannot be read.
        """
        if self.keeps:
            self._mirror.fetch_all(map(preview_name, keys))

    def check_page(self, mark: bytes) -> None:
        """Check before the work that ``put_page`` can put the page; see ``check_page``."""
        check_page(self._mirror.bucket, self._mirror.address.below(REPORT_PAGE), mark)

    def put_page(self, page: bytes, *, mark: bytes) -> str:
        """Put the page into the output; its address, see ``put_page``."""
        return put_page(self._mirror.bucket, self._mirror.address.below(REPORT_PAGE), page, mark)


def page_address(output: Path | None) -> StoreAddress | None:
    """The object that a page is to be put as; None if it is to be a file.

    Raises:
        UsageError: the address names no object.
    """
    address = None if output is None else parse_address(output)
    if address is not None and not address.name:
        raise UsageError(f"{address} is a whole bucket; give --output the name of an object in it")
    return address


def put_page(bucket: Bucket, address: StoreAddress, page: bytes, mark: bytes) -> str:
    """Put a page; its address.

    Args:
        bucket: of the address.
        address: where to.
        page: the file.
        mark: what is in every page of ours, and in no other file.

    Raises:
        OutputError: another's file is in its place.
        M2fpError: the store does not take it.
    """
    if check_page(bucket, address, mark):
        bucket.put(address.name, page)
    else:
        bucket.put_new(address.name, page)
    return str(address)


def check_page(bucket: Bucket, address: StoreAddress, mark: bytes) -> bool:
    """Whether there is an earlier page of ours in the place of a page.

    Raises:
        OutputError: something else is there.
        M2fpError: the store cannot be read.
    """
    there = bucket.read(address.name)
    if there is not None and mark not in there[0]:
        raise OutputError(
            f"{displayable(str(address))} is there already and m2fp did not write it; remove it or "
            "give --output another name"
        )
    return there is not None
