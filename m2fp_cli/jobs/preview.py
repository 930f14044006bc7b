"""The previews of ``m2fp report`` as a job of the batch engine: made again only where needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.imaging.atomic import write_group
from m2fp_cli.jobs.memory import PREVIEW_BYTES
from m2fp_cli.layout import composite_paths, preview_path, result_files
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.render.previews import PREVIEW_VERSION, encode_preview, make_preview


@dataclass(frozen=True)
class PreviewJob:
    """Settings of the previews; see ``batch.job.Job``.

    Attributes:
        output: root of the results, absolute.
        side: longer side of a preview, in pixels.
    """

    output: Path
    side: int
    name: str = "report"
    preload: tuple[str, ...] = ("cv2",)

    def signature(self) -> Mapping[str, str]:
        """What decides the content of a preview."""
        return {"preview": PREVIEW_VERSION, "side": str(self.side)}

    def depends_on(self, task: ImageTask) -> tuple[Path, ...]:
        """The photo, its result and its composites."""
        results = result_files(self.output, task.key)
        return (task.source, *results, *composite_paths(self.output, task.key))

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return PREVIEW_BYTES

    def build_worker(self, threads: int) -> PreviewWorker:
        """A worker; OpenCV is held to this process' share of the cores."""
        import cv2

        cv2.setNumThreads(threads)
        return PreviewWorker(self)


class PreviewWorker:
    """Makes preview after preview; see ``batch.job.Worker``."""

    def __init__(self, job: PreviewJob) -> None:
        """Make previews as the job says."""
        self._job = job

    def load(self, task: ImageTask) -> None:
        """Nothing to overlap: all is done in ``save``."""

    def compute(self, task: ImageTask, loaded: None) -> None:
        """Nothing to overlap."""

    def save(self, task: ImageTask, computed: None) -> ImageReport:
        """Read, shrink and write."""
        started = time.perf_counter()
        output = self._job.output
        maps = read_result_maps(output, task.key)
        preview = make_preview(output, task.key, task.source, maps, side=self._job.side)
        files = [(preview_path(output, task.key), encode_preview(preview))]
        write_group(files)
        seconds = PhotoSeconds(write=time.perf_counter() - started)
        return done_report(task, output, files, maps.image_hw, maps.people, seconds)
