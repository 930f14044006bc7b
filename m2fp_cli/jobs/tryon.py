"""``m2fp tryon`` as a job of the batch engine: from a photo and its result to the composite."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from m2fp_cli.arrays import Picture
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.errors import ImageError, M2fpError, UsageError
from m2fp_cli.jobs.memory import TRYON_BYTES
from m2fp_cli.layout import result_path
from m2fp_cli.records.document import load_result

if TYPE_CHECKING:
    from m2fp_cli.arrays import Picture
    from m2fp_cli.records.results import ParsingResult
    from m2fp_cli.tryon.fitting import Outfit, TryOn

_FITTING_VERSION = "7"  # part of the signature: raise it when the same settings look different
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class FittingSettings:
    """What is worn, and by whom.

    Attributes:
        items: (kind, accessory) pairs: a file's absolute path, a name, or a colour for a top.
        people: ``all``, ``largest`` or ids.
        match_light: light accessories like the photo.
        shadow: let accessories throw shadows.
        picture_format: png, jpg or webp.
    """

    items: tuple[tuple[str, str], ...]
    people: str | tuple[int, ...] = "all"
    match_light: bool = True
    shadow: bool = True
    picture_format: str = "png"

    def load_outfit(self) -> Outfit:
        """The accessories.

        Raises:
            UsageError: one of them cannot be worn.
        """
        from m2fp_cli.tryon.fitting import load_outfit

        return load_outfit(dict(self.items), match_light=self.match_light, shadow=self.shadow)


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
    preload: tuple[str, ...] = ("cv2",)

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs."""
        settings = self.settings
        worn = {kind: _fingerprint(reference) for kind, reference in settings.items}
        people = settings.people
        return {
            "fitting": _FITTING_VERSION,
            **worn,
            "people": people if isinstance(people, str) else ",".join(map(str, people)),
            "light": str(settings.match_light),
            "shadow": str(settings.shadow),
            "format": settings.picture_format,
        }

    def depends_on(self, task: ImageTask) -> tuple[Path, ...]:
        """The photo and its result."""
        return task.source, result_path(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return TRYON_BYTES

    def build_worker(self, threads: int) -> FittingWorker:
        """A worker with its accessories loaded; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return FittingWorker(self)


def _fingerprint(reference: str) -> str:
    """Name and content of an accessory, so that a redrawn one is worn anew."""
    if reference.startswith("#"):
        return reference
    from m2fp_cli.tryon.catalog import find_accessory

    path = find_accessory(reference)
    content = hashlib.sha256(path.read_bytes())
    anchors = path.with_suffix(".json")
    if anchors.is_file():
        content.update(anchors.read_bytes())
    return f"{path.stem} {content.hexdigest()[:16]}"


@dataclass(frozen=True, eq=False)
class _Loaded:
    image_bgr: Picture
    result: ParsingResult
    seconds: float


@dataclass(frozen=True, eq=False)
class _Fitted:
    done: TryOn
    image_hw: tuple[int, int]
    read_seconds: float
    seconds: float


class FittingWorker:
    """Tries things on photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: FittingJob) -> None:
        """Load the accessories.

        Raises:
            UsageError: one of them cannot be worn.
        """
        self._job = job
        self._outfit = job.settings.load_outfit()

    def load(self, task: ImageTask) -> _Loaded:
        """Read the photo and its result."""
        from m2fp_cli.imaging.codec import read_image
        from m2fp_cli.imaging.inspect import MAX_PIXELS

        started = time.perf_counter()
        path = result_path(self._job.results, task.key)
        if task.source == path:
            raise ImageError(
                "vanished", "has no photo that is known here; name the folder with --photos"
            )
        try:
            result = load_result(path, instances=self._outfit.needs_instances)
        except M2fpError as error:
            raise ImageError("unreadable", str(error)) from error
        height, width = result.image_hw
        photo = read_image(task.source, max_pixels=max(MAX_PIXELS, height * width))
        if photo.image_hw != result.image_hw:
            raise ImageError(
                "unreadable", "is not the photo that was parsed: its size differs; parse it again"
            )
        return _Loaded(photo.image_bgr, result, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Loaded) -> _Fitted:
        """Try the outfit on."""
        from m2fp_cli.tryon.fitting import try_on

        started = time.perf_counter()
        done = try_on(loaded.image_bgr, loaded.result, self._outfit, self._job.settings.people)
        seconds = time.perf_counter() - started
        return _Fitted(done, loaded.result.image_hw, loaded.seconds, seconds)

    def save(self, task: ImageTask, computed: _Fitted) -> ImageReport:
        """Write the picture and the record of every person together."""
        from m2fp_cli.imaging.atomic import write_group
        from m2fp_cli.imaging.encoding import encode_as
        from m2fp_cli.tryon.records import to_document

        started = time.perf_counter()
        output, fmt = self._job.output, self._job.settings.picture_format
        folder, done = output / "tryon", computed.done
        source = (PurePosixPath(task.key).parent / task.source.name).as_posix()
        document: dict[str, Any] = to_document(source, done.people)
        text = json.dumps(document, separators=(",", ":"), sort_keys=True)
        picture = encode_as(fmt, done.image_bgr, jpeg_quality=_JPEG_QUALITY)
        files = [
            (folder / f"{task.key}.{fmt}", picture),
            (folder / f"{task.key}.json", text.encode("ascii") + b"\n"),
        ]
        write_group(files)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            postprocess=computed.seconds,
            write=time.perf_counter() - started,
        )
        return done_report(task, output, files, computed.image_hw, len(done.people), seconds)


def parse_people(text: str) -> str | tuple[int, ...]:
    """``all``, ``largest`` or ids from a comma-separated list.

    Raises:
        UsageError: the text is none of them.
    """
    if text in ("all", "largest"):
        return text
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise UsageError(f"--people takes all, largest or ids such as 1,3, got {text!r}")
    return tuple(int(number) for number in numbers)
