"""``m2fp tryon --each`` as a job of the batch engine: a picture of each photo for each item."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.fitting import PRELOAD, Fitter, FittingSettings, ReadPhoto, encode_record
from m2fp_cli.jobs.memory import TRYON_BYTES
from m2fp_cli.layout import result_path, variant_name, variant_record_name
from m2fp_cli.storage.edits import refuse_edited
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import WrittenFile, write_group
from m2fp_cli.tryon.look import Variant, item_name

if TYPE_CHECKING:
    from m2fp_cli.imaging.codec import DecodedImage
    from m2fp_cli.tryon.fitting import TryOn

_SECONDS = 30.0  # that a variant may take; five people at 12 megapixels take 7 on two busy cores
_RECORDS_VERSION = "2"  # part of the signature: raise it when records or names change
_FEW = 20  # variants, for which the pool's own limit is enough: ten minutes at first


def time_limit(variants: int) -> float | None:
    """Seconds that a photo may take; None for the pool's own limit.

    Args:
        variants: of each photo.
    """
    return None if variants <= _FEW else _SECONDS * variants


@dataclass(frozen=True)
class VariantsJob:
    """Each item on the people of each photo; see ``batch.job.Job``.

    A photo is one task with all its variants: it is read once, and its heads are found once. What
    another catalog left stays, see ``layout.OutputFolder.collects``.

    Attributes:
        output: root of the output, absolute.
        results: root of the results, absolute.
        settings: what is worn; its look has a list or a folder.
    """

    output: Path
    results: Path
    settings: FittingSettings
    name: str = "variants"
    preload: tuple[str, ...] = PRELOAD

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """What each photo is shown with.

        Raises:
            UsageError: two items have the same name.
        """
        return self.settings.look.variants()

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        return {"records": _RECORDS_VERSION, **self.settings.signature()}

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo and its result."""
        return task.path, result_path(self.results, task.key)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The picture of each variant, and its record."""
        return tuple(name for one in self.variants for name in self.names_of(task.key, one))

    def names_of(self, key: str, variant: Variant) -> tuple[str, str]:
        """Names of the picture of a photo with a variant, and of its record."""
        picture = variant_name(key, variant.name, f".{self.settings.picture_format}")
        return picture, variant_record_name(key, variant.name)

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process, with the catalog that it keeps."""
        from m2fp_cli.tryon.wardrobe import WARDROBE_BYTES

        return TRYON_BYTES + WARDROBE_BYTES

    def build_worker(self, threads: int) -> VariantsWorker:
        """A worker; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return VariantsWorker(self)


class VariantsWorker:
    """Tries one item after another on photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: VariantsJob) -> None:
        """Work as the job says."""
        self._job = job
        self._fitter = Fitter(job.results, job.settings)
        self._tree = OutputTree(job.output)

    def load(self, task: ImageTask) -> ReadPhoto:
        """Read the photo and its result."""
        return self._fitter.read(task)

    def compute(self, task: ImageTask, loaded: ReadPhoto) -> ReadPhoto:
        """Nothing to overlap: all is done in ``save``."""
        return loaded

    def save(self, task: ImageTask, computed: ReadPhoto) -> ImageReport:
        """Dress, and write each picture at once: all of them would not fit into the memory.

        Files are written in this stage only, since the engine knows them as the photo's own if the
        process dies in it. If the photo fails, what was written anew is taken away again. So it is
        looked for pictures that somebody changed before the first is replaced.
        """
        from m2fp_cli.tryon.fitting import FittingRoom

        started, writing, failed_checks = time.perf_counter(), 0.0, 0
        asked: set[int] = set()
        dressed: set[int] = set()
        left_out: set[tuple[int, str]] = set()
        written: list[WrittenFile] = []
        photo, result = computed.photo, computed.result
        room = FittingRoom(photo.image_bgr, result)
        refuse_edited(self._tree, self._job.targets(task), task.may_replace)
        with contextlib.ExitStack() as undo:
            for variant in self._job.variants:
                done = room.dress(self._fitter.outfits(variant.look, task.key, result))
                failed_checks += done.failed_checks
                asked |= {person.person_id for person in done.people}
                dressed |= done.dressed
                left_out |= done.left_out
                begun = time.perf_counter()
                written += self._write(task, variant, photo, done, undo)
                writing += time.perf_counter() - begun
            undo.pop_all()
        seconds = PhotoSeconds(
            read=computed.seconds,
            postprocess=time.perf_counter() - started - writing,
            write=writing,
        )
        return done_report(
            task,
            written,
            photo.image_hw,
            len(asked),
            seconds,
            photo.sha256,
            failed_checks=failed_checks,
            dressed=len(dressed),
            not_put_on=Counter(reason for _, reason in left_out),
        )

    def _write(
        self,
        task: ImageTask,
        variant: Variant,
        photo: DecodedImage,
        done: TryOn,
        undo: contextlib.ExitStack,
    ) -> list[WrittenFile]:
        """Write a variant's picture and record; ``undo`` removes those that are new."""
        from m2fp_cli.tryon.fitting import changed_box
        from m2fp_cli.tryon.records import to_variant_document

        names = self._job.names_of(task.key, variant)
        document = to_variant_document(
            (PurePosixPath(task.key).parent / task.name).as_posix(),
            variant.kind,
            item_name(variant.item),
            names[0].rpartition("/")[2],
            done.people,
            changed_box(photo.image_bgr, done.image_bgr),
        )
        contents = self._fitter.encode(photo, done.image_bgr), encode_record(document)
        files = list(zip(names, contents, strict=True))
        written = write_group(self._tree, files, task.may_replace)
        for name in names:
            if task.may_replace is not None and name not in task.may_replace:
                undo.callback(self._tree.remove, name)
        return written
