"""Files that somebody changed after a run wrote them: corrected labels, retouched pictures.

They are not m2fp's any more, so a run does not replace them and pruning does not remove them.
"""

from __future__ import annotations

from collections.abc import Iterator

from m2fp_cli.batch.entries import Entry
from m2fp_cli.storage.look import Look


def find_edited(look: Look, entry: Entry) -> Iterator[str]:
    """Names of a photo's files that are there with other bytes than were written.

    Only a file whose status changed after the photo ended is read: a copy of an output is read
    once more, where it is about to be replaced, and is found to be as it was. Older manifests, and
    stores, do not say what was written; all of theirs counts as unchanged.

    Args:
        look: what is in the output.
        entry: what a run wrote for the photo.
    """
    for name, written in entry.report.known_checksums.items():
        status = look.status(name)
        if status is None or status.st_ctime <= entry.ended:
            continue
        if look.checksum(name) not in (None, written):
            yield name
