"""Photo after photo: parse, read the truth, judge; what fails is said and left out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from m2fp_cli.batch.progress import Progress
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status, failed_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, lacks_memory
from m2fp_cli.evaluation.dataset import LabelledPhoto, read_truth
from m2fp_cli.evaluation.judge import Judge
from m2fp_cli.evaluation.sources import Source


@dataclass(frozen=True)
class RunRecord:
    """How the judging went.

    Attributes:
        failures: photos that could not be judged.
        seconds: median time of reading and parsing a photo; nan if none was judged.
    """

    failures: tuple[ImageReport, ...]
    seconds: float


def judge_photos(
    photos: Sequence[LabelledPhoto], source: Source, judge: Judge, progress: Progress
) -> RunRecord:
    """Judge every photo that can be read."""
    failures, seconds = [], []
    progress.start(len(photos))
    try:
        for photo in photos:
            report = _judge(photo, source, judge)
            if report.status.is_good:
                seconds.append(report.seconds.total)
            else:
                failures.append(report)
            progress.advance(report)
    finally:
        progress.close()
    return RunRecord(tuple(failures), median(seconds) if seconds else float("nan"))


def _judge(photo: LabelledPhoto, source: Source, judge: Judge) -> ImageReport:
    task = ImageTask(str(photo.photo), photo.name)
    try:
        truth = read_truth(photo, source.labels)
        started = time.perf_counter()
        result = source.parse(photo)
        seconds = PhotoSeconds(network=time.perf_counter() - started)
        judge.add(truth, result)
    except ImageError as error:
        return failed_report(task, error)
    except Exception as error:
        if not lacks_memory(error):
            raise
        return failed_report(task, ImageError("out_of_memory", "does not fit into memory"))
    return ImageReport(
        task.path,
        task.key,
        Status.DONE,
        image_hw=result.image_hw,
        people=len(result.people),
        seconds=seconds,
    )
