from __future__ import annotations

from pathlib import Path

from m2fp_cli.batch.outcome import quarantine
from m2fp_cli.batch.report import Status
from m2fp_cli.batch.stamps import FileStamp
from m2fp_cli.batch.tasks import make_task
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.tree import OutputTree


def test_who_killed_two_workers_is_told_with_what_lies_in_the_output(tmp_path: Path) -> None:
    (tmp_path / "there.png").touch()
    task = make_task("/photos/a.jpg", "a")._replace(may_replace=("there.png", "gone.png"))
    with OutputTree(tmp_path) as tree:
        end = quarantine(task, ImageError("crash", "its worker died"), tree, (FileStamp(3, 4),), 7)
    assert (end.report.status, end.report.reason) == (Status.QUARANTINED, "crash")
    assert (end.report.files, end.report.attempts) == (("there.png",), 2)
    assert (end.stamp, end.worker) == ((FileStamp(3, 4),), 7)
