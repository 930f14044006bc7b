"""Whether a photo has to be worked on, and which files it may replace.

Here is also decided what may not be done: a photo whose outputs would replace another photo's, or
files that m2fp did not write as they are now, is a conflict. Nothing of it is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from m2fp_cli.batch.edits import find_in_the_way, find_own, is_rewritten, is_touched
from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import History
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.stamps import Stamp, is_incomplete, is_same_stamp
from m2fp_cli.batch.targets import targets_that_exist
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.storage.edits import OwnFiles, written_checksum
from m2fp_cli.storage.errors import ConflictError, edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.writing import refuse_foreign
from m2fp_cli.terminal import displayable


class Why(str, Enum):
    """Why a photo is worked on, in the words a person reads."""

    NEW = "new"
    ASKED = "done before, asked for again"
    FAILED = "failed before"
    MISSING = "with results missing"
    CUT_SHORT = "with results of a run that was cut short"
    CHANGED = "changed"
    SETTINGS = "with other settings"


# What another try may change although the photo is the same: its rights, its disk, the memory, a
# limit, our own mistake. The others are as broken as before.
_PASSING = frozenset(
    ("unreadable", "vanished", "out_of_memory", "too_large", "unwritable", "conflict", "stale",
     "internal")
)  # fmt: skip
_ABOUT_THE_PROGRAM = frozenset(("timeout", "crash"))
# Linux dates files by a clock that ticks 100 to 1000 times a second (CONFIG_HZ), and ours does not
# tick: what was written just after a photo ended may seem older than that.
_TICK_SECONDS = 0.01


@dataclass(frozen=True)
class ResumeRules:
    """What an earlier run's outputs mean to this one.

    Attributes:
        rerun: which photos are worked on again.
        checksum: photos are compared by their bytes, not by size and time.
        overwrite: files of others may be replaced.
    """

    rerun: Rerun = Rerun.CHANGED
    checksum: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Judge:
    """Decides about one photo after the other.

    Attributes:
        job: what is to be done.
        site: where photos and results are.
        look: what is in the output.
        history: what was done before.
        signature: digest of the job's settings.
        rules: what an earlier run's outputs mean.
    """

    job: Job
    site: Site
    look: Look
    history: History
    signature: str
    rules: ResumeRules

    def why(self, task: ImageTask, entry: Entry | None) -> Why | None:
        """Why a photo has to be worked on; None if it has not.

        Raises:
            ConflictError: the files under its key are another photo's.
        """
        if entry is None:
            return Why.NEW
        has_moved = entry.report.source != task.where
        if has_moved and not self._is_same_photo(task, entry):
            self._refuse_other_photo(entry)
            return Why.NEW
        rerun = self.rules.rerun
        if rerun is Rerun.ALL:
            return Why.ASKED if entry.report.status.is_good else Why.FAILED
        if rerun is Rerun.NEVER:
            return None
        if not entry.report.status.is_good:
            return self._why_failed(task, entry)
        if not all(self.look.has_file(name) for name in entry.report.files):
            return Why.MISSING
        if self.history.is_claimed(task.key) and self._is_rewritten(task, entry):
            return Why.CUT_SHORT
        if rerun is Rerun.MISSING:
            return None
        if not self._is_same_input(task, entry, by_bytes=has_moved):
            return Why.CHANGED
        return None if entry.signature == self.signature else Why.SETTINGS

    def allowed(self, task: ImageTask, entry: Entry | None, why: Why) -> ImageTask:
        """The task with the files that it may replace.

        Args:
            task: the photo.
            entry: what is known of it.
            why: it is worked on.

        Raises:
            ConflictError: a file that it would write is there and was not written for it, or was
                changed since.
        """
        if self.rules.overwrite:
            return task._replace(may_replace=None)
        try:
            return task._replace(may_replace=self._own_files(task, entry, why))
        except ConflictError:
            if not is_incomplete(self.site.stamp(task, checksum=False)):
                raise
            # --overwrite would not help if the photo is not there. Who works on it says so, or
            # names the file in the way where it is not needed.
            own = {} if entry is None else entry.report.known_checksums
            return task._replace(may_replace=OwnFiles(own))

    def _own_files(self, task: ImageTask, entry: Entry | None, why: Why) -> OwnFiles:
        """Files that a photo may replace; raises as ``allowed``."""
        there = tuple(targets_that_exist(self.job, self.look, task))
        is_cut_short = self.history.is_claimed(task.key)
        is_known = not is_cut_short or self.history.is_marked(task.key)  # what its files should be
        own = OwnFiles()
        if entry is not None:
            own |= dict.fromkeys(entry.report.files)
        if is_cut_short and is_known:
            own |= find_own(self.look, entry, there, self.job.targets(task))
        elif entry is not None and is_known:
            self._refuse_edited(task, entry, is_same_photo=why is Why.SETTINGS)
            own |= entry.report.known_checksums
        if is_cut_short or self.history.was_claimed(task.key):
            left = (name for name in there if self.look.has_file(name) and name not in own)
            own |= dict.fromkeys(n for n in left if not is_known or self._is_older(n, entry))
        for name in there:
            refuse_foreign(self.look, name, own)
        return own

    def left(self, task: ImageTask, entry: Entry | None) -> dict[str, int]:
        """What a run that was cut short has surely written for a photo; CRC-32 by name.

        Args:
            task: the photo, as ``allowed`` gives it.
            entry: what is known of it.
        """
        if not self.history.is_claimed(task.key):
            return {}
        own = task.may_replace
        if own is None and self.history.is_marked(task.key):
            # All may be replaced, so ``allowed`` has looked at nothing.
            there = targets_that_exist(self.job, self.look, task)
            own = OwnFiles((name, written_checksum(self.look, name)) for name in there)
        if not isinstance(own, OwnFiles):
            return {}
        known = {} if entry is None else entry.report.known_checksums
        return {n: found for n, found in own.items() if found not in (None, known.get(n))}

    def renewed_stamp(self, task: ImageTask, entry: Entry) -> Stamp:
        """The stamp of a photo that now lies elsewhere: of a copy the time is another one.

        With the old one the next run, which looks at times, would do the photo again. Where other
        files than the photo have changed, as may be with `--rerun missing`, it stays the old one.
        """
        if is_same_stamp(entry.stamp, self.site.stamp(task, checksum=False)):
            return entry.stamp  # it was moved, not copied, and is not read once more
        now = self.site.stamp(task, checksum=True)
        return now if is_same_stamp(entry.stamp, now) else entry.stamp

    def _is_older(self, name: str, entry: Entry | None) -> bool:
        """Whether a file that no entry lists was there when the photo was ended."""
        return entry is not None and not is_touched(self.look, entry, name, _TICK_SECONDS)

    def _refuse_edited(self, task: ImageTask, entry: Entry, *, is_same_photo: bool) -> None:
        """Raise if a file that would be replaced or removed was changed since it was written."""
        name = find_in_the_way(
            self.look, entry, self.job.targets(task), is_same_photo=is_same_photo
        )
        if name is not None:
            raise edited(name)

    def _is_rewritten(self, task: ImageTask, entry: Entry) -> bool:
        """Whether a file was replaced, by a run that came to no end with the photo."""
        return is_rewritten(self.look, entry, marked=self.history.is_marked(task.key))

    def _is_same_photo(self, task: ImageTask, entry: Entry) -> bool:
        """Whether a photo of another path is the same to the byte."""
        digest = self.site.photo_digest(task)
        return bool(digest) and digest == entry.report.photo

    def _refuse_other_photo(self, entry: Entry) -> None:
        """Raise, unless nothing of the other photo is there or all may be replaced."""
        there = [name for name in entry.report.files if self.look.has_file(name)]
        if there and not self.rules.overwrite:
            raise ConflictError(
                f"{displayable(there[0])} belongs to {displayable(entry.report.source)}, a "
                "different photo of the same name; choose another folder with -o, a --prefix, or "
                "--overwrite to replace it"
            )

    def _why_failed(self, task: ImageTask, entry: Entry) -> Why | None:
        reason = entry.report.reason
        if self.rules.rerun is Rerun.FAILED or reason in _PASSING:
            return Why.FAILED
        if not self._is_same_input(task, entry, by_bytes=False):
            return Why.CHANGED
        is_new_program = entry.signature != self.signature and reason in _ABOUT_THE_PROGRAM
        return Why.SETTINGS if is_new_program else None

    def _is_same_input(self, task: ImageTask, entry: Entry, *, by_bytes: bool) -> bool:
        """Whether the files that the outputs were made from are what they were."""
        if entry.report.source.rpartition("/")[2] != task.name:
            return False
        checksum = by_bytes or self.rules.checksum
        now = self.site.stamp(task, checksum=checksum)
        return is_same_stamp(entry.stamp, now)
