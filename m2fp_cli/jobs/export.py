"""``m2fp export`` as a job of the batch engine: from a photo and its result to a data set."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format, to_json
from m2fp_cli.exports.seen_joints import why_unknown
from m2fp_cli.imaging.unchanged import read_unchanged
from m2fp_cli.jobs.common_files import MOST_FILES
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.export_names import plain_name
from m2fp_cli.jobs.imports import PICTURE_MODULES
from m2fp_cli.jobs.memory import EXPORT_BYTES
from m2fp_cli.jobs.photos import read_parsed_photo
from m2fp_cli.jsonio import list_of, parse_object
from m2fp_cli.layout import export_record_name, result_name, result_path
from m2fp_cli.records.document import read_document
from m2fp_cli.records.mapping import load_mapping
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

_EXPORT_VERSION = "7"  # part of the signature: raise it when the same settings give other files


@dataclass(frozen=True)
class ExportJob:
    """A data set of everything in a scan; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute; the data set is a folder in it.
        results: root of the results, absolute.
        format_name: one of ``layout.EXPORTS``.
        settings: how.
        names: of photos whose name in the data set does not follow from their key alone.
    """

    output: Path
    results: Path
    format_name: str
    settings: ExportSettings
    names: tuple[tuple[str, str], ...] = ()
    preload: tuple[str, ...] = PICTURE_MODULES

    @property
    def name(self) -> str:
        """Of the job; each format has manifests of its own."""
        return f"export-{self.format_name}"

    @property
    def format(self) -> Format:
        """The format itself."""
        return find_format(self.format_name)

    @property
    def folder(self) -> Path:
        """Root of the data set."""
        return self.output / self.format_name

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        settings, shown = self.settings, self.format
        people = settings.people
        said = {
            "export": _EXPORT_VERSION,
            "people": people if isinstance(people, str) else ",".join(map(str, people)),
            "split": settings.split,
        }
        if shown.masks:
            mask = settings.mask
            said |= {
                "category": mask.category,
                "rule": mask.rule,
                "grow": str(mask.grow),
                "feather": f"{mask.feather:g}",
                "fill": str(settings.fill_rgb or shown.fill),
            }
        if shown.scales:
            said |= {"size": "x".join(map(str, settings.size_wh)), "fit": settings.fit}
        if settings.mapping is not None:
            said["label set"] = f"{settings.mapping.name} {settings.mapping.fingerprint()}"
        return said

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo and its result."""
        return task.path, result_path(self.results, task.key)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The record, and what it says was written: how many people there are is not known yet."""
        record = export_record_name(self.format_name, task.key)
        try:
            with OutputTree(self.output) as tree:
                files = list_of(parse_object(tree.read(record)), "files", most=MOST_FILES)
        except (ImageError, OutputError, ValueError):
            return (record,)
        return (record, *(f"{self.format_name}/{name}" for name in files))

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return EXPORT_BYTES

    def build_worker(self, threads: int) -> ExportWorker:
        """A worker; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return ExportWorker(self)


@dataclass(frozen=True, eq=False)
class _Loaded:
    photo: ExportedPhoto
    sha256: str
    seconds: float


@dataclass(frozen=True, eq=False)
class _Exported:
    encoded: Encoded
    loaded: _Loaded
    seconds: float


class ExportWorker:
    """Exports photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: ExportJob) -> None:
        """Export as the job says."""
        self._job, self._format, self._names = job, job.format, dict(job.names)
        self._tree, self._results = OutputTree(job.output), OutputTree(job.results)

    def load(self, task: ImageTask) -> _Loaded:
        """Read the photo and its result."""
        started = time.perf_counter()
        job, name = self._job, result_name(task.key)
        try:
            stored = read_document(self._results.read(name), instances=self._format.masks)
        except ValueError as error:
            raise ImageError("corrupt", f"{name} {error}") from error
        is_known = task.source != result_path(job.results, task.key)
        path, sha256 = task.source if is_known else None, stored.provenance.sha256
        decoded = read_parsed_photo(path, stored.result.image_hw, sha256)
        photo = ExportedPhoto(
            name=self._names.get(task.key) or plain_name(task.key, self._format),
            image_bgr=decoded.image_bgr,
            result=stored.result,
            file=read_unchanged(task.source, decoded),
            has_joints=stored.has_joints,
        )
        return _Loaded(photo, sha256, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Loaded) -> _Exported:
        """Make the files."""
        started = time.perf_counter()
        encoded = self._format.encode(loaded.photo, self._job.settings)
        return _Exported(encoded, loaded, time.perf_counter() - started)

    def save(self, task: ImageTask, computed: _Exported) -> ImageReport:
        """Write the record, which says what belongs to the photo, and the files, together."""
        started = time.perf_counter()
        encoded, loaded, folder = computed.encoded, computed.loaded, self._job.format_name
        source = (PurePosixPath(task.key).parent / task.name).as_posix()
        record = {
            "name": loaded.photo.name,
            "source": source,
            "files": sorted(encoded.files),
            "record": encoded.record,
            "without_joints": self._without_joints(loaded.photo),
            "without_place": self._without_place(loaded.photo),
        }
        files = [(export_record_name(folder, task.key), to_json(record))]
        files += [(f"{folder}/{name}", data) for name, data in encoded.files.items()]
        written = write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=loaded.seconds,
            postprocess=computed.seconds,
            write=time.perf_counter() - started,
        )
        photo = loaded.photo
        people = photo.named_people(self._job.settings.people)
        return done_report(
            task, written, photo.result.image_hw, len(people), seconds, loaded.sha256
        )

    def _without_place(self, photo: ExportedPhoto) -> list[str]:
        """Labels of the exported people that the data set's own labels have no place for."""
        own = self._format.label_set
        mapping = self._job.settings.mapping or (load_mapping(own) if own else None)
        if mapping is None:
            return []
        people = photo.named_people(self._job.settings.people)
        ids = sorted({part.label_id for _, person in people for part in person.parts})
        return [*mapping.without_place(photo.result.labels.names[one] for one in ids)]

    def _without_joints(self, photo: ExportedPhoto) -> dict[str, int]:
        """How many of the exported people have no joints, by the reason, if the format has any."""
        if not self._format.joints:
            return {}
        people = photo.named_people(self._job.settings.people)
        why = (why_unknown(person, looked_for=photo.has_joints) for _, person in people)
        return Counter(reason for reason in why if reason is not None)
