"""The live bar of a run."""

from __future__ import annotations

import io

from rich.console import Console

from m2fp_cli.batch.progress import RichProgress
from m2fp_cli.batch.report import ImageReport, Status


def test_the_time_left_is_by_the_mean_of_all_photos():
    clock = [0.0]
    progress = RichProgress()
    bar = progress._bar
    bar.get_time = lambda: clock[0]
    bar.live.console = Console(file=io.StringIO(), width=80)
    progress.start(22)
    assert bar.tasks[0].fields["left"] == "-:--:--"
    clock[0] = 8.0
    for name in "ab":  # both at once, as two workers end their first photos
        progress.advance(ImageReport(name, name, Status.DONE))
    assert bar.tasks[0].fields["left"] == "0:01:20"
    progress.close()


def test_the_bar_tells_the_time_so_far_from_the_time_left():
    progress = RichProgress()
    progress.start(4)
    progress._bar.update(progress._task, completed=2, left="0:01:20")
    with progress._console.capture() as shown:
        progress._console.print(progress._bar)
    progress.close()
    assert " 2/4 in 0:00:00 0:01:20 left" in shown.get()
