"""``m2fp tryon`` as a job of the batch engine: from a photo and its result to the composite."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.jobs.earlier import digest_of_parsed
from m2fp_cli.jobs.memory import TRYON_BYTES
from m2fp_cli.layout import result_name, result_path
from m2fp_cli.records.document import read_document
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

if TYPE_CHECKING:
    from m2fp_cli.imaging.codec import DecodedImage
    from m2fp_cli.records.results import ParsingResult
    from m2fp_cli.tryon.fitting import Outfit, TryOn

_FITTING_VERSION = "10"  # part of the signature: raise it when the same settings look different
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class FittingSettings:
    """What is worn, and by whom.

    Attributes:
        items: (kind, accessory) pairs: a file's absolute path, a name, or a colour for a top.
        people: ``all``, ``largest`` or ids.
        match_light: light accessories like the photo.
        shadow: let accessories throw shadows.
        layer: ``outer`` or ``inner``: which of two tops over each other is meant.
        picture: ``auto``, ``garment`` or ``fabric``: what the picture of a top shows.
        picture_format: png, jpg or webp.
    """

    items: tuple[tuple[str, str], ...]
    people: str | tuple[int, ...] = "all"
    match_light: bool = True
    shadow: bool = True
    layer: str = "outer"
    picture: str = "auto"
    picture_format: str = "png"

    def load_outfit(self) -> Outfit:
        """The accessories.

        Raises:
            UsageError: one of them cannot be worn.
        """
        from m2fp_cli.tryon.fitting import load_outfit

        return load_outfit(
            dict(self.items),
            match_light=self.match_light,
            shadow=self.shadow,
            layer=self.layer,
            picture=self.picture,
        )


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
        worn = {kind: _fingerprint(kind, reference) for kind, reference in settings.items}
        people = settings.people
        return {
            "fitting": _FITTING_VERSION,
            **worn,
            "people": people if isinstance(people, str) else ",".join(map(str, people)),
            "light": str(settings.match_light),
            "shadow": str(settings.shadow),
            "layer": settings.layer,
            "picture": settings.picture,
            "format": settings.picture_format,
        }

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo and its result."""
        return task.path, result_path(self.results, task.key)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """The composite and its record."""
        fmt = self.settings.picture_format
        return f"tryon/{task.key}.{fmt}", f"tryon/{task.key}.json"

    def photo_digest(self, task: ImageTask) -> str:
        """Of the photo that was parsed."""
        return digest_of_parsed(self.results, task.key)

    def memory_bytes(self) -> int:
        """Rough peak of one process."""
        return TRYON_BYTES

    def build_worker(self, threads: int) -> FittingWorker:
        """A worker with its accessories loaded; OpenCV keeps to this process' cores."""
        import cv2

        cv2.setNumThreads(threads)
        return FittingWorker(self)


def _fingerprint(kind_name: str, reference: str) -> str:
    """Name and content of an accessory, so that a redrawn one is worn anew; a colour as it is."""
    from m2fp_cli.tryon.catalog import find_accessory
    from m2fp_cli.tryon.kind import BodyKind
    from m2fp_cli.tryon.kinds import kind_of

    kind = kind_of(kind_name)
    if reference.startswith("#") or (
        isinstance(kind, BodyKind) and reference.lower() in kind.names
    ):
        return reference

    path = find_accessory(reference)
    content = hashlib.sha256(path.read_bytes())
    anchors = path.with_suffix(".json")
    if anchors.is_file():
        content.update(anchors.read_bytes())
    return f"{path.stem} {content.hexdigest()[:16]}"


@dataclass(frozen=True, eq=False)
class _Loaded:
    photo: DecodedImage
    result: ParsingResult
    seconds: float


@dataclass(frozen=True, eq=False)
class _Fitted:
    done: TryOn
    photo: DecodedImage
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
        self._tree, self._results = OutputTree(job.output), OutputTree(job.results)

    def load(self, task: ImageTask) -> _Loaded:
        """Read the photo and its result."""
        from m2fp_cli.jobs.photos import read_parsed_photo

        started = time.perf_counter()
        name = result_name(task.key)
        try:
            data = self._results.read(name)
            stored = read_document(data, instances=self._outfit.needs_instances)
        except ValueError as error:
            raise ImageError("corrupt", f"{name} {error}") from error
        is_known = task.source != result_path(self._job.results, task.key)
        path, sha256 = task.source if is_known else None, stored.provenance.sha256
        photo = read_parsed_photo(path, stored.result.image_hw, sha256, keep_original=True)
        return _Loaded(photo, stored.result, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Loaded) -> _Fitted:
        """Try the outfit on."""
        from m2fp_cli.tryon.fitting import try_on

        started = time.perf_counter()
        photo = loaded.photo
        done = try_on(photo.image_bgr, loaded.result, self._outfit, self._job.settings.people)
        return _Fitted(done, photo, loaded.seconds, time.perf_counter() - started)

    def save(self, task: ImageTask, computed: _Fitted) -> ImageReport:
        """Write the picture and the record of every person together."""
        from m2fp_cli.imaging.encoding import encode_as
        from m2fp_cli.tryon.records import to_document

        started = time.perf_counter()
        done, photo, fmt = computed.done, computed.photo, self._job.settings.picture_format
        source = (PurePosixPath(task.key).parent / task.name).as_posix()
        document: dict[str, Any] = to_document(source, done.people)
        text = json.dumps(document, separators=(",", ":"), sort_keys=True)
        pixels, profile = done.image_bgr, None
        if photo.original is not None:
            pixels = photo.original.take_changes(photo.image_bgr, pixels)
            profile = photo.original.profile.data
        picture = encode_as(fmt, pixels, jpeg_quality=_JPEG_QUALITY, profile=profile)
        contents = picture, text.encode("ascii") + b"\n"
        files = list(zip(self._job.targets(task), contents, strict=True))
        write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            postprocess=computed.seconds,
            write=time.perf_counter() - started,
        )
        people = len(done.people)
        return done_report(task, files, photo.image_hw, people, seconds, photo.sha256)


def parse_people(text: str, option: str = "--people") -> str | tuple[int, ...]:
    """``all``, ``largest`` or ids from a comma-separated list.

    Args:
        text: what the user gave.
        option: name of the option, for the message.

    Raises:
        UsageError: the text is none of them.
    """
    if text in ("all", "largest"):
        return text
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise UsageError(f"{option} takes all, largest or ids such as 1,3, got {text!r}")
    return tuple(int(number) for number in numbers)
