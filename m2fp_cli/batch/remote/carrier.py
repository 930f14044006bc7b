"""Between the stores and the workers of one machine: photos there, what was written back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.remote.delivery import Courier
from m2fp_cli.batch.remote.fetching import Fetcher
from m2fp_cli.batch.tasks import ImageTask


class Carrier(Protocol):
    """Brings photos to workers, and what they wrote to where it belongs; used by one thread."""

    def feed(self, tasks: Iterable[ImageTask | None]) -> Iterator[ImageTask | None]:
        """Photos in the form that workers take; None while the next one is not there yet."""

    def deliver(self, outcome: Outcome) -> None:
        """Take what a worker wrote; may return before it is there."""

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """Photos whose files have arrived, and those that could not be fetched.

        Args:
            all_of_them: wait until all have.

        Raises:
            M2fpError: nothing can be written any more.
        """

    def close(self) -> None:
        """Carry nothing more."""


class StoreCarrier:
    """Copies photos to this machine, and puts files into the store; see ``Carrier``."""

    def __init__(
        self, fetcher: Fetcher, courier: Courier | None, is_over: Callable[[], bool]
    ) -> None:
        """Put things together; closed with this.

        Args:
            fetcher: brings photos.
            courier: puts files; None if the output is on a disk.
            is_over: ends the waiting for files under way.
        """
        self._fetcher, self._courier, self._is_over = fetcher, courier, is_over
        self._in_place: deque[Outcome] = deque()

    def feed(self, tasks: Iterable[ImageTask | None]) -> Iterator[ImageTask | None]:
        """Photos with their copies."""
        return self._fetcher.feed(tasks, keep_own=self._courier is None)

    def deliver(self, outcome: Outcome) -> None:
        """Put what a worker wrote."""
        if self._courier is None:
            self._in_place.append(outcome)
        else:
            task = self._fetcher.original(outcome.report.key)
            self._courier.send(outcome, task.may_replace)

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """The copies of these photos are removed."""
        for outcome in self._all_delivered(all_of_them=all_of_them):
            self._fetcher.release(outcome.report.key)
            yield outcome

    def _all_delivered(self, *, all_of_them: bool) -> Iterator[Outcome]:
        yield from self._fetcher.failed()
        while self._in_place:
            yield self._in_place.popleft()
        if self._courier is not None:
            yield from self._courier.arrived(all_of_them=all_of_them, is_over=self._is_over)

    def close(self) -> None:
        """Copy and put nothing more."""
        self._fetcher.close()
        if self._courier is not None:
            self._courier.close()


class NoCarrier:
    """Who works on the photos carries them, too: a station of a cluster; see ``Carrier``."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._done: deque[Outcome] = deque()

    def feed(self, tasks: Iterable[ImageTask | None]) -> Iterator[ImageTask | None]:
        """The photos as they are."""
        return iter(tasks)

    def deliver(self, outcome: Outcome) -> None:
        """The files are in place."""
        self._done.append(outcome)

    def delivered(self, *, all_of_them: bool = False) -> Iterator[Outcome]:
        """What was delivered since the last time."""
        while self._done:
            yield self._done.popleft()

    def close(self) -> None:
        """Nothing to do."""
