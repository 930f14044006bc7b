"""The page of an output in an object store: what it is made from is copied to this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import REPORT_PAGE, preview_name
from m2fp_cli.storage.look import Look
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

    def put_page(self, page: bytes, *, mark: bytes) -> str:
        """Put the page; its address.

        Args:
            page: the file.
            mark: what is in every page of ours, and in no other file.

        Raises:
            OutputError: another's file is in its place.
            M2fpError: the store does not take it.
        """
        name = self._mirror.name_in_bucket(REPORT_PAGE)
        address = str(self._mirror.address.below(REPORT_PAGE))
        there = self._mirror.bucket.read(name)
        if there is not None and mark not in there[0]:
            raise OutputError(
                f"{displayable(address)} is there already and m2fp did not write it; remove it or "
                "give --output a file of this machine"
            )
        if there is None:
            self._mirror.bucket.put_new(name, page)
        else:
            self._mirror.bucket.put(name, page)
        return address
