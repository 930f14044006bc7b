"""Files that somebody changed after a run wrote them: corrected labels, retouched pictures.

They are not m2fp's any more, so a run does not replace them and pruning does not remove them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from m2fp_cli.batch.entries import Entry
from m2fp_cli.layout import stay_beside
from m2fp_cli.storage.edits import is_edited
from m2fp_cli.storage.look import Look


def find_edited(look: Look, entry: Entry) -> Iterator[str]:
    """Names of a photo's files that are there with other bytes than were written; reads each.

    Older manifests do not say what was written; all of theirs but links counts as unchanged.

    Args:
        look: what is in the output.
        entry: what a run wrote for the photo.
    """
    known = entry.report.known_checksums
    for name in entry.report.files:
        if is_edited(look, name, known.get(name)):
            yield name


def find_in_the_way(
    look: Look, entry: Entry, targets: Collection[str], *, is_same_photo: bool
) -> str | None:
    """The first of a photo's files that another run would replace or remove, and somebody changed.

    This is a first look at what may be a million photos: it reads those files only whose status
    changed after the photo ended, as that of any copy did. The time says nothing where a clock was
    set back; whoever replaces a file reads it once more, see ``storage.edits.refuse_edited``.

    Args:
        look: what is in the output.
        entry: what a run wrote for the photo.
        targets: names that will be written.
        is_same_photo: the photo did not change.
    """
    known = entry.report.known_checksums
    beside = stay_beside(known, targets)
    for name, written in known.items():
        if name in beside and is_same_photo:
            continue
        # Nor of what runs only carried along: beside others, or as it was in the way before.
        is_doubtful = name in beside or not entry.report.status.is_good
        if (is_doubtful or is_touched(look, entry, name)) and is_edited(look, name, written):
            return name
    return None


def is_touched(look: Look, entry: Entry, name: str) -> bool:
    """Whether the status of a file changed after a photo ended."""
    status = look.status(name)
    return status is not None and status.st_ctime > entry.ended
