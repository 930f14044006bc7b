"""What can be asked about the files of an output, wherever they are."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol


class ClosedPlace(NamedTuple):
    """A folder of an output that cannot be read, or a link, which is not followed.

    Attributes:
        name: of the folder or link.
        error: what the system said; ``ELOOP`` for a link.
    """

    name: str
    error: OSError


OnClosed = Callable[[ClosedPlace], object]


class Look(Protocol):
    """Answers from a folder of this machine (``OutputTree``) or from a store's listing."""

    def status(self, name: str) -> os.stat_result | None:
        """What lies under a name, links not followed; None if nothing does."""

    def has_file(self, name: str) -> bool:
        """Whether a regular file has a name."""

    def is_folder(self, name: str) -> bool:
        """Whether a folder has a name."""

    def names_in(self, name: str) -> list[str]:
        """Names of what is in a folder, sorted; none where it is no folder."""

    def checksum(self, name: str) -> int | None:
        """CRC-32 of the bytes of a file; None where that is not known."""

    def mark(self, name: str) -> bytes | None:
        """What a file says of the bytes that it was written with, see ``storage.marks``."""

    def walk(self, name: str, *, closed: OnClosed = ...) -> Iterator[str]:
        """Names of all regular files below a folder, in no order.

        ``closed`` is told of each folder that cannot be read, and of each link.
        """


class StatusLook(ABC):
    """Says of a name what it is by its status."""

    @abstractmethod
    def status(self, name: str) -> os.stat_result | None:
        """What lies under a name, links not followed; None if nothing does."""

    def has_file(self, name: str) -> bool:
        """Whether a regular file has a name."""
        status = self.status(name)
        return status is not None and stat.S_ISREG(status.st_mode)

    def is_folder(self, name: str) -> bool:
        """Whether a folder, and no link to one, has a name."""
        status = self.status(name)
        return status is not None and stat.S_ISDIR(status.st_mode)
