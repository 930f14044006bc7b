"""The page of an output in an object store: what it is made from is copied to this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.jobs.page_place import ObjectPlace, PagePlace
from m2fp_cli.layout import REPORT_PAGE, preview_name
from m2fp_cli.storage.look import Look


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

    @property
    def place(self) -> PagePlace:
        """Where the page goes when it is kept with the results."""
        return ObjectPlace(self._mirror.bucket, self._mirror.address.below(REPORT_PAGE))
