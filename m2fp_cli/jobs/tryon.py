"""``m2fp tryon`` as a job of the batch engine: from a photo and its result to the composite."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.fitting import PRELOAD, Fitter, FittingSettings, ReadPhoto, encode_record
from m2fp_cli.jobs.memory import TRYON_BYTES
from m2fp_cli.layout import result_path, tryon_record_name
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

if TYPE_CHECKING:
    from m2fp_cli.imaging.codec import DecodedImage
    from m2fp_cli.tryon.fitting import TryOn


@dataclass(frozen=True)
class FittingJob:
    """Try-on of everything in a scan; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute.
        results: root of the results, absolute.
        settings: what is worn.
    """

    output: Path
    results: Path
    settings: FittingSettings
    name: str = "tryon"
    preload: tuple[str, ...] = PRELOAD

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        return self.settings.signature()

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo and its result."""
        return task.path, result_path(self.results, task.key)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The composite and its record."""
        fmt = self.settings.picture_format
        return f"tryon/{task.key}.{fmt}", tryon_record_name(task.key)

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return TRYON_BYTES

    def build_worker(self, threads: int) -> FittingWorker:
        """A worker; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return FittingWorker(self)


@dataclass(frozen=True, eq=False)
class _Fitted:
    done: TryOn
    photo: DecodedImage
    read_seconds: float
    seconds: float


class FittingWorker:
    """Tries things on photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: FittingJob) -> None:
        """Work as the job says."""
        self._job = job
        self._fitter = Fitter(job.results, job.settings)
        self._tree = OutputTree(job.output)

    def load(self, task: ImageTask) -> ReadPhoto:
        """Read the photo and its result."""
        return self._fitter.read(task)

    def compute(self, task: ImageTask, loaded: ReadPhoto) -> _Fitted:
        """Try the outfits on."""
        from m2fp_cli.tryon.fitting import FittingRoom

        started = time.perf_counter()
        outfits = self._fitter.outfits(self._job.settings.look, task.key, loaded.result)
        done = FittingRoom(loaded.photo.image_bgr, loaded.result).dress(outfits)
        return _Fitted(done, loaded.photo, loaded.seconds, time.perf_counter() - started)

    def save(self, task: ImageTask, computed: _Fitted) -> ImageReport:
        """Write the picture and the record of every person together."""
        from m2fp_cli.tryon.fitting import changed_box
        from m2fp_cli.tryon.records import to_document

        started = time.perf_counter()
        done, photo = computed.done, computed.photo
        source = (PurePosixPath(task.key).parent / task.name).as_posix()
        changed = changed_box(photo.image_bgr, done.image_bgr)
        document = to_document(source, done.people, changed)
        contents = self._fitter.encode(photo, done.image_bgr), encode_record(document)
        files = list(zip(self._job.targets(task), contents, strict=True))
        written = write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            postprocess=computed.seconds,
            write=time.perf_counter() - started,
        )
        return done_report(
            task,
            written,
            photo.image_hw,
            len(done.people),
            seconds,
            photo.sha256,
            failed_checks=done.failed_checks,
            dressed=len(done.dressed),
            not_put_on=done.not_put_on,
        )
