"""The previews of ``m2fp report`` as a job of the batch engine: made again only where needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.arrays import Picture
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.imports import PICTURE_MODULES
from m2fp_cli.jobs.memory import PREVIEW_BYTES
from m2fp_cli.jobs.photos import read_parsed_photo
from m2fp_cli.layout import composite_names, preview_name, result_names
from m2fp_cli.render.maps import PhotoMaps, read_result_maps
from m2fp_cli.render.previews import PREVIEW_VERSION, encode_preview, make_preview
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group


@dataclass(frozen=True)
class PreviewJob:
    """Settings of the previews; see ``batch.job.Job``.

    Attributes:
        output: where the previews are kept, absolute: the results, or a temporary folder.
        results: root of the results, absolute.
        side: longer side of a preview, in pixels.
    """

    output: Path
    results: Path
    side: int
    name: str = "report"
    preload: tuple[str, ...] = PICTURE_MODULES

    def signature(self) -> Mapping[str, str]:
        """What decides the content of a preview."""
        return {"preview": PREVIEW_VERSION, "side": str(self.side)}

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo, its result and its composites."""
        names = (*result_names(task.key), *composite_names(task.key))
        return (task.path, *(self.results / name for name in names))

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The preview."""
        return (preview_name(task.key),)

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

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
        self._tree, self._results = OutputTree(job.output), OutputTree(job.results)

    def load(self, task: ImageTask) -> None:
        """Nothing to overlap: all is done in ``save``."""

    def compute(self, task: ImageTask, loaded: None) -> None:
        """Nothing to overlap."""

    def save(self, task: ImageTask, computed: None) -> ImageReport:
        """Read, shrink and write."""
        started = time.perf_counter()
        maps = read_result_maps(self._results, task.key)
        photo = self._read_photo(task, maps)
        preview = make_preview(self._results, task.key, photo, maps, side=self._job.side)
        files = [(preview_name(task.key), encode_preview(preview))]
        written = write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(write=time.perf_counter() - started)
        return done_report(
            task,
            written,
            maps.image_hw,
            maps.people,
            seconds,
            maps.photo_sha256,
            sure_people=maps.sure_people,
        )

    def _read_photo(self, task: ImageTask, maps: PhotoMaps) -> Picture | None:
        """The photo; None if it is not known, or not there any more."""
        try:
            is_known = task.source.suffix != ".json"
            path = task.source if is_known else None
            return read_parsed_photo(path, maps.image_hw, maps.photo_sha256).image_bgr
        except ImageError as error:
            if error.reason == "vanished":
                return None
            raise
