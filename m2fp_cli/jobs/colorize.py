"""``m2fp colorize`` as a job of the batch engine: from a photo's maps to its pictures."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.arrays import Picture
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.stamps import digest_file
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.jobs.earlier import digest_of_parsed, find_photo
from m2fp_cli.jobs.imports import PICTURE_MODULES
from m2fp_cli.jobs.inputs import PhotoSource
from m2fp_cli.jobs.memory import COLORIZE_BYTES
from m2fp_cli.jobs.photos import read_parsed_photo
from m2fp_cli.layout import result_names, result_path
from m2fp_cli.records.labels import LABEL_SETS, LabelSet
from m2fp_cli.records.palette import ColorScheme, load_scheme
from m2fp_cli.render.maps import PhotoMaps, read_label_map, read_labels, read_result_maps
from m2fp_cli.render.pictures import PaintSettings, Pictures, encode_picture, paint_pictures
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

_PAINT_VERSION = "2"  # part of the signature: raise it when the same settings paint differently


@dataclass(frozen=True)
class ColorizeJob:
    """Everything that decides what is painted, and how; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute.
        settings: what to paint.
        results: root of the results to paint; None where the tasks are label maps themselves.
        label_set: name of the label set of the label maps.
        photos: folder with the photos of the label maps, if there is one.
    """

    output: Path
    settings: PaintSettings
    results: Path | None = None
    label_set: str = ""
    photos: Path | None = None
    name: str = "colorize"
    preload: tuple[str, ...] = PICTURE_MODULES

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        settings = self.settings
        colors = json.dumps([sorted(settings.scheme.by_name.items()), settings.scheme.by_id])
        return {
            "painting": _PAINT_VERSION,
            "palette": hashlib.sha256(colors.encode()).hexdigest()[:16],
            "label set": self.label_set or "from the results",
            "by": settings.by,
            "labels": ",".join(settings.labels) if settings.labels is not None else "all",
            "background": settings.background,
            "opacity": str(settings.opacity),
            "overlay": str(settings.overlay),
            "contours": str(settings.contours),
            "legend": str(settings.legend),
            "formats": f"{settings.color_map_format},{settings.overlay_format}",
        }

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The result, and the photo where it is painted on."""
        needed = (task.path,) if self.settings.needs_photo else ()
        if self.results is None:
            photo = self.photo_of(task)
            return (task.path, photo) if photo and self.settings.needs_photo else (task.path,)
        return (*(self.results / name for name in result_names(task.key)), *needed)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """A color map and an overlay, as asked for."""
        settings = self.settings
        asked = (
            (settings.color_map, f"colors/{task.key}.{settings.color_map_format}"),
            (settings.overlay, f"overlays/{task.key}.{settings.overlay_format}"),
        )
        return tuple(name for is_wanted, name in asked if is_wanted)

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed; of a label map itself."""
        if self.results is None:
            return digest_file(task.source)
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return COLORIZE_BYTES

    def build_worker(self, threads: int) -> ColorizeWorker:
        """A worker; OpenCV is held to this process' share of the cores."""
        import cv2

        cv2.setNumThreads(threads)
        return ColorizeWorker(self)

    def photo_of(self, task: ImageTask) -> Path | None:
        """Where the photo of a task is, if that is known."""
        if self.results is None:
            return find_photo(self.photos, task.key) if self.photos else None
        return None if task.source == result_path(self.results, task.key) else task.source


@dataclass(frozen=True, eq=False)
class _Loaded:
    """What is painted, and what on."""

    maps: PhotoMaps
    image_bgr: Picture | None
    seconds: float


@dataclass(frozen=True, eq=False)
class _Painted:
    """Pictures on their way to the disk."""

    pictures: Pictures
    maps: PhotoMaps
    read_seconds: float
    paint_seconds: float


class ColorizeWorker:
    """Paints photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: ColorizeJob) -> None:
        """Paint as the job says."""
        self._job = job
        self._tree = OutputTree(job.output)
        self._results = None if job.results is None else OutputTree(job.results)

    def load(self, task: ImageTask) -> _Loaded:
        """Read the maps, and the photo if it is needed."""
        started = time.perf_counter()
        job, image_bgr = self._job, None
        if self._results is None:
            maps = read_label_map(task.source, LABEL_SETS[job.label_set])
        else:
            maps = read_result_maps(self._results, task.key, people=job.settings.needs_people)
        if job.settings.needs_photo:
            photo = read_parsed_photo(job.photo_of(task), maps.image_hw, maps.photo_sha256)
            image_bgr = photo.image_bgr
        return _Loaded(maps, image_bgr, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Loaded) -> _Painted:
        """Paint."""
        started = time.perf_counter()
        pictures = paint_pictures(loaded.maps, loaded.image_bgr, self._job.settings)
        return _Painted(pictures, loaded.maps, loaded.seconds, time.perf_counter() - started)

    def save(self, task: ImageTask, computed: _Painted) -> ImageReport:
        """Encode the pictures and write them together."""
        started = time.perf_counter()
        job, pictures = self._job, computed.pictures
        painted = [one for one in (pictures.color_map, pictures.overlay) if one is not None]
        files = [
            (name, encode_picture(picture, name.rpartition(".")[2]))
            for name, picture in zip(job.targets(task), painted, strict=True)
        ]
        written = write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            postprocess=computed.paint_seconds,
            write=time.perf_counter() - started,
        )
        maps = computed.maps
        photo = maps.photo_sha256 or job.photo_digest(task)
        return done_report(
            task,
            written,
            maps.image_hw,
            maps.people,
            seconds,
            photo,
            sure_people=maps.sure_people,
        )


def load_colors(
    source: PhotoSource, palette: str, names: str
) -> tuple[ColorScheme, tuple[str, ...] | None]:
    """Read the palette and the names of ``--labels``, checked with the labels of the first result.

    Args:
        source: what is painted.
        palette: name or JSON file.
        names: labels with commas between them; empty for all.

    Returns:
        the scheme, and the names; None for all labels.

    Raises:
        UsageError: no such palette, or no such label.
    """
    labels = _labels_of(source)
    asked = tuple(name.strip() for name in names.split(",") if name.strip())
    if labels is not None:
        try:
            labels.all_ids_of(asked)
        except KeyError as error:
            raise UsageError(f"--labels: {error.args[0]}") from error
    return load_scheme(palette, labels), asked or None


def _labels_of(source: PhotoSource) -> LabelSet | None:
    """Label set of the label maps, or of the first result that can be read."""
    if source.results is None:
        return LABEL_SETS[source.label_set]
    with OutputTree(source.results) as tree:
        found = (_labels_or_none(tree, task.key) for task in source.scan.tasks[:10])
        return next((labels for labels in found if labels is not None), None)


def _labels_or_none(tree: OutputTree, key: str) -> LabelSet | None:
    """Label set of a result; a damaged one is reported when its turn comes."""
    try:
        return read_labels(tree, key)
    except ImageError:
        return None
