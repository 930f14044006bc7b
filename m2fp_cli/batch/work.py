"""``m2fp parse`` as a job of the batch engine: from a photo's path to the files of its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.engine.cpu import settle_precision
from m2fp_cli.imaging.atomic import write_group
from m2fp_cli.imaging.codec import DecodedImage, read_image
from m2fp_cli.imaging.inspect import MAX_PIXELS
from m2fp_cli.models.registry import DownloadProgress, resolve_model
from m2fp_cli.models.weights import configuration_digest, weights_digest
from m2fp_cli.store import DEFAULT_KINDS, FORMAT_VERSION, Provenance, encode_result

if TYPE_CHECKING:
    from m2fp_cli.engine.parser import Engine, StageSeconds
    from m2fp_cli.results import ParsingResult

# What one process needs at its peak beyond its weights, for photos of up to some 12 megapixels. One
# such photo takes the published model to 1.2 GB in float32 and the starter to 0.77; two more on
# their way in and out are 0.15.
_WORKING_BYTES = {"fast": 950_000_000, "reference": 6_000_000_000}


@dataclass(frozen=True)
class ParseJob:
    """Everything that decides what is written, and how; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute.
        model: name, ModelScope id or folder, as the user gave it.
        folder: the model's folder, absolute.
        weights: SHA-256 of its weights.
        weights_bytes: size of its weights.
        configuration: SHA-256 of its ``configuration.json``.
        engine: ``fast`` or ``reference``.
        precision: number format of the fast engine: ``fp32``, ``bf16`` or ``auto``.
        flip: test-time augmentation.
        min_score: lowest score of a reported instance.
        kinds: what to write, members of ``store.KINDS``.
        max_pixels: larger photos are refused.
    """

    output: Path
    model: str
    folder: Path
    weights: str
    weights_bytes: int
    configuration: str
    engine: str = "fast"
    precision: str = "fp32"
    flip: bool = False
    min_score: float = 0.1
    kinds: tuple[str, ...] = DEFAULT_KINDS
    max_pixels: int = MAX_PIXELS
    name: str = "parse"
    preload: tuple[str, ...] = ("m2fp_cli.engine.parser",)

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs; ``auto`` counts as what it means on this CPU."""
        return {
            "format": FORMAT_VERSION,
            "model": self.model,
            "weights": self.weights,
            "configuration": self.configuration,
            "engine": self.engine,
            "precision": settle_precision(self.precision),
            "flip": str(self.flip),
            "min_score": str(self.min_score),
            "save": ",".join(self.kinds),
        }

    def depends_on(self, task: ImageTask) -> tuple[Path, ...]:
        """The photo alone."""
        return (task.source,)

    def memory_bytes(self) -> int:
        """Rough peak of one process; its weights are counted, although they may be shared."""
        return _WORKING_BYTES[self.engine] + 2 * self.weights_bytes

    def build_worker(self, threads: int) -> ParseWorker:
        """Load the model into this process.

        Raises:
            ModelError: it is damaged or does not fit.
            EngineError: the engine cannot run here.
        """
        return ParseWorker(self, build_engine(self, threads))


def make_parse_job(
    output: Path,
    model: str,
    *,
    engine: str = "fast",
    precision: str = "fp32",
    flip: bool = False,
    min_score: float = 0.1,
    kinds: tuple[str, ...] = DEFAULT_KINDS,
    max_pixels: int = MAX_PIXELS,
    progress: DownloadProgress | None = None,
) -> ParseJob:
    """Find the model, download it if need be, and settle the job. torch is not imported.

    Args:
        output: root of the output.
        model: name, ModelScope id or folder.
        engine: ``fast`` or ``reference``.
        precision: number format of the fast engine: ``fp32``, ``bf16`` or ``auto``.
        flip: test-time augmentation.
        min_score: lowest score of a reported instance.
        kinds: members of ``store.KINDS``.
        max_pixels: larger photos are refused.
        progress: told about a download.

    Raises:
        ModelError: the model is missing or incomplete.
        UsageError: the name means nothing.
    """
    found = resolve_model(model, progress=progress)
    return ParseJob(
        output=output.absolute(),
        model=model,
        folder=found.folder.absolute(),
        weights=weights_digest(found.folder),
        weights_bytes=found.weights.stat().st_size,
        configuration=configuration_digest(found.folder),
        engine=engine,
        precision=precision,
        flip=flip,
        min_score=min_score,
        kinds=kinds,
        max_pixels=max_pixels,
    )


@dataclass(frozen=True, eq=False)
class _Read:
    """A photo on its way to the network."""

    photo: DecodedImage
    seconds: float


@dataclass(frozen=True, eq=False)
class _Parsed:
    """A photo and its result on their way to the disk."""

    photo: DecodedImage
    result: ParsingResult
    read_seconds: float
    stages: StageSeconds


class ParseWorker:
    """Holds a loaded model and parses photo after photo; see ``batch.job.Worker``."""

    def __init__(self, job: ParseJob, engine: Engine) -> None:
        """Parse with an engine as the job says."""
        self._job, self._engine = job, engine

    def load(self, task: ImageTask) -> _Read:
        """Read and decode the photo."""
        started = time.perf_counter()
        photo = read_image(task.source, max_pixels=self._job.max_pixels)
        return _Read(photo, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Read) -> _Parsed:
        """Run the network."""
        result = self._engine.parse(loaded.photo.image_bgr)
        return _Parsed(loaded.photo, result, loaded.seconds, self._engine.last_seconds)

    def save(self, task: ImageTask, computed: _Parsed) -> ImageReport:
        """Encode the result and write its files together."""
        started = time.perf_counter()
        job, photo, result = self._job, computed.photo, computed.result
        files = encode_result(
            result,
            self._provenance(task, photo),
            job.output,
            task.key,
            job.kinds,
            photo.image_bgr,
        )
        write_group(files)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            preprocess=computed.stages.preprocess,
            network=computed.stages.network,
            postprocess=computed.stages.postprocess,
            write=time.perf_counter() - started,
        )
        return ImageReport(
            str(task.source),
            task.key,
            Status.DONE,
            image_hw=photo.image_hw,
            people=len(result.people),
            seconds=seconds,
            files=tuple(path.relative_to(job.output).as_posix() for path, _ in files),
        )

    def _provenance(self, task: ImageTask, photo: DecodedImage) -> Provenance:
        job = self._job
        return Provenance(
            source=(PurePosixPath(task.key).parent / task.source.name).as_posix(),
            orientation=photo.orientation,
            model=job.model,
            weights=job.weights,
            engine=job.engine,
            flip=job.flip,
            min_score=job.min_score,
        )


def build_engine(job: ParseJob, threads: int) -> Engine:
    """The engine that the job asks for, with its model loaded."""
    if job.engine == "reference":
        from m2fp_cli.engine.reference import ReferenceParser

        return ReferenceParser(job.folder, min_score=job.min_score, threads=threads)
    from m2fp_cli.engine.parser import HumanParser

    return HumanParser(
        job.folder,
        min_score=job.min_score,
        flip=job.flip,
        precision=job.precision,
        threads=threads,
    )
