"""Files that somebody changed after a run wrote them: corrected labels, retouched pictures.

They are not m2fp's any more, so a run does not replace them and pruning does not remove them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from m2fp_cli.batch.entries import Entry
from m2fp_cli.layout import stay_beside
from m2fp_cli.storage.edits import OwnFiles, is_edited, written_checksum
from m2fp_cli.storage.errors import edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.marks import mark_of


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


def find_own(
    look: Look, entry: Entry | None, there: Collection[str], targets: Collection[str]
) -> OwnFiles:
    """Files of a photo over which a run was killed that may be replaced, by what they are now.

    They are as an earlier run left them, or their marks say that the killed run wrote them.

    Args:
        look: what is in the output.
        entry: what a run before wrote for the photo; None if none did.
        there: names among those that will be written under which something is.
        targets: names that will be written.

    Raises:
        ConflictError: somebody changed one that would be replaced or removed.
    """
    listed = () if entry is None else entry.report.files
    known = {} if entry is None else entry.report.known_checksums
    beside, own = stay_beside(known, targets), OwnFiles()
    for name in dict.fromkeys((*listed, *there)):
        written = known.get(name)
        found = written
        if look.has_file(name) and not _is_as_before(look, entry, name, written):
            now = written_checksum(look, name)
            found = written if now is None and name in beside else now
        if found is not None or (name in listed and written is None):
            own[name] = found
        elif name in listed or look.mark(name) is not None:
            raise edited(name)
    return own


def is_rewritten(look: Look, entry: Entry, *, marked: bool) -> bool:
    """Whether a run that came to no end with a photo has replaced files of it.

    Args:
        look: what is in the output.
        entry: what a run before wrote for the photo.
        marked: such a run marked its files: one without a mark, or that is marked as before, was
            changed by others.
    """
    known = entry.report.known_checksums
    if not marked:
        return any(is_touched(look, entry, n) and is_edited(look, n, known[n]) for n in known)
    return any(
        _is_doubtful(look, entry, name, written)
        and is_edited(look, name, written)
        and look.mark(name) not in (None, mark_of(name, written))
        for name, written in known.items()
    )


def _is_as_before(look: Look, entry: Entry | None, name: str, written: int | None) -> bool:
    """Whether a file is as an entry says; one that nothing speaks against is not read."""
    if entry is None or written is None:
        return False
    return not _is_doubtful(look, entry, name, written) or not is_edited(look, name, written)


def _is_doubtful(look: Look, entry: Entry, name: str, written: int) -> bool:
    """Whether a file may be another than an entry says: its mark knows, though no clock does."""
    is_marked_anew = look.mark(name) not in (None, mark_of(name, written))
    return is_marked_anew or is_touched(look, entry, name)


def is_touched(look: Look, entry: Entry, name: str, tick: float = 0.0) -> bool:
    """Whether the status of a file changed after a photo ended.

    Args:
        look: what is in the output.
        entry: what a run wrote for the photo.
        name: of the file.
        tick: seconds by which the file system's clock may be late; what changed in them counts.
    """
    status = look.status(name)
    return status is not None and status.st_ctime > entry.ended - tick
