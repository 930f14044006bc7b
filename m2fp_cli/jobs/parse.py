"""``m2fp parse`` as a job of the batch engine: from a photo's path to the files of its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, done_report
from m2fp_cli.batch.stamps import digest_file
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.engine.tiles.setting import Tiles, check_tiles
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.imaging.codec import DecodedImage, read_image
from m2fp_cli.imaging.errors import MissingRowsError, TooManyPixelsError
from m2fp_cli.imaging.limits import MAX_PIXELS
from m2fp_cli.jobs.memory import PARSE_BYTES
from m2fp_cli.jobs.model_files import ModelFiles, describe_precision
from m2fp_cli.kernels.cpu import PRECISIONS
from m2fp_cli.layout import DEFAULT_SAVE, OUTPUT_FOLDERS, SAVE_OPTIONS
from m2fp_cli.numerals import require_count, require_one_of, require_share, require_truth
from m2fp_cli.records.document import FORMAT_VERSION, Provenance
from m2fp_cli.records.mapping import LabelMapping
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

if TYPE_CHECKING:
    from m2fp_cli.engine.parser import Engine, StageSeconds
    from m2fp_cli.records.results import ParsingResult

ENGINES = ("fast", "reference")
# Other commands parse photos too, but only `m2fp parse` has these options. They are to be added to
# the command of the run, whose inputs and output decide where results go: the photo alone would
# get another name.
_LIFTED_BY: dict[type[ImageError], str] = {
    MissingRowsError: "parse what is there: add --allow-truncated --rerun failed to m2fp parse",
    TooManyPixelsError: "raise the limit: add --max-pixels to m2fp parse",
}


@dataclass(frozen=True)
class ParseSettings:
    """How photos are parsed, and what is written; from the command line to the worker.

    Attributes:
        engine: ``fast`` or ``reference``.
        precision: number format of the fast engine: ``fp32``, ``bf16``, ``int8`` or ``auto``.
        flip: the fast engine also parses the mirrored photo, and averages.
        min_score: lowest score of a reported instance, in [0, 1].
        save: what to write, members of ``layout.SAVE_OPTIONS``.
        max_pixels: photos with more pixels are refused.
        allow_truncated: parse a JPEG whose last rows are missing.
        mapping: label set of what ``relabeled`` among ``save`` writes.
        tiles: which parts of a photo the fast engine parses again: ``auto``, ``off`` or a number.
    """

    engine: str = "fast"
    precision: str = "fp32"
    flip: bool = False
    min_score: float = 0.1
    save: tuple[str, ...] = DEFAULT_SAVE
    max_pixels: int = MAX_PIXELS
    allow_truncated: bool = False
    mapping: LabelMapping | None = None
    tiles: Tiles = "off"

    def __post_init__(self) -> None:
        """Refuse what cannot be, or does not go together.

        Raises:
            TypeError: ``save`` is a text, a number is none, or ``flip`` or ``mapping`` is something
                else.
            ValueError: a number is out of bounds, ``save`` names something else or nothing, or the
                engine or the precision is unknown.
            UsageError: the reference engine is asked to flip, for tiles, or for another number
                format than its own; ``tiles`` is none of its values; or relabeled maps are asked
                for without a label set.
        """
        check_tiles(self.tiles)
        require_share(self.min_score, "min_score")
        require_count(self.max_pixels, "max_pixels")
        require_truth(self.flip, "flip")
        require_one_of(self.engine, ENGINES, "engine")
        require_one_of(self.precision, PRECISIONS, "precision")
        _require_outputs(self.save)
        if self.mapping is not None and not isinstance(self.mapping, LabelMapping):
            raise TypeError(
                'mapping must be a LabelMapping, as m2fp_cli.records.mapping.load_mapping("atr") '
                f"gives it, got {type(self.mapping).__name__}"
            )
        if "relabeled" in self.save and self.mapping is None:
            raise UsageError("--save relabeled needs the label set: --label-set atr, for example")
        if self.engine == "fast":
            return
        if self.flip:
            raise UsageError("--flip works with --engine fast only; leave one of them out")
        if self.tiles != "off":
            raise UsageError("--tiles works with --engine fast only; leave one of them out")
        if self.precision != "fp32":
            raise UsageError("--precision is for --engine fast; the reference computes in fp32")


def _require_outputs(save: object) -> None:
    """Check what is to be written: a wrong word would be passed over, and nothing written for it.

    Raises:
        TypeError: it is no tuple or list.
        ValueError: it is empty, or a member is unknown.
    """
    known = ", ".join(SAVE_OPTIONS)
    if not isinstance(save, (tuple, list)):
        raise TypeError(f"save must be a tuple of some of {known}, got {type(save).__name__}")
    unknown = [one for one in save if one not in SAVE_OPTIONS]
    if unknown or not save:
        raise ValueError(f"save must hold some of {known}, got {unknown[0] if unknown else ()!r}")


@dataclass(frozen=True)
class ParseJob:
    """Everything that decides what is written, and how; see ``batch.job.Job``.

    Attributes:
        output: root of the output, absolute.
        model: what parses.
        settings: how.
    """

    output: Path
    model: ModelFiles
    settings: ParseSettings = field(default_factory=ParseSettings)
    name: str = "parse"
    preload: tuple[str, ...] = (
        "m2fp_cli.engine.parser",
        "m2fp_cli.imaging.preload",
        "m2fp_cli.kernels.preload",
    )

    def signature(self) -> Mapping[str, str]:
        """What decides the bytes of the outputs; ``auto`` counts as what it means on this CPU."""
        settings = self.settings
        return {
            "format": FORMAT_VERSION,
            "model": self.model.name,
            "weights": self.model.weights,
            "configuration": self.model.configuration,
            "engine": settings.engine,
            "precision": describe_precision(self.model, settings.precision),
            "flip": str(bool(settings.flip)),
            "tiles": str(settings.tiles),
            "min_score": str(float(settings.min_score)),
            "save": ",".join(settings.save),
            **self._label_set(),
        }

    def _label_set(self) -> dict[str, str]:
        mapping = self.settings.mapping
        return {"label set": f"{mapping.name} {mapping.fingerprint()}"} if mapping else {}

    def depends_on(self, task: ImageTask) -> tuple[str | Path, ...]:
        """The photo alone."""
        return (task.path,)

    def targets(self, task: ImageTask) -> tuple[str, ...]:
        """A file in each folder; a photo's masks and cut-outs have a folder of their own."""
        wanted = [one for one in OUTPUT_FOLDERS if one.option in self.settings.save]
        return tuple(one.target(task.key) for one in wanted)

    def photo_digest(self, task: ImageTask) -> str:
        """Of the bytes that are there now."""
        return digest_file(task.source)

    def memory_bytes(self) -> int:
        """Rough peak of one process; its weights are counted, although they may be shared."""
        return PARSE_BYTES[self.settings.engine] + 2 * self.model.weights_bytes

    def build_worker(self, threads: int) -> ParseWorker:
        """Load the model into this process.

        Raises:
            ModelError: it is damaged or does not fit.
            EngineError: the engine cannot run here.
        """
        return ParseWorker(self, build_engine(self.model, self.settings, threads))


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
        self._tree = OutputTree(job.output)
        wanted = [one for one in OUTPUT_FOLDERS if one.option in job.settings.save]
        self._shows_photo = any(one.shows_photo for one in wanted)

    def load(self, task: ImageTask) -> _Read:
        """Read and decode the photo."""
        started = time.perf_counter()
        settings = self._job.settings
        try:
            photo = read_image(
                task.source,
                max_pixels=settings.max_pixels,
                least_side=None if self._shows_photo else self._engine.least_side,
                allow_truncated=settings.allow_truncated,
            )
        except tuple(_LIFTED_BY) as error:
            raise ImageError(error.reason, f"{error}, or {_LIFTED_BY[type(error)]}") from error
        return _Read(photo, time.perf_counter() - started)

    def compute(self, task: ImageTask, loaded: _Read) -> _Parsed:
        """Run the network."""
        photo = loaded.photo
        result = self._engine.parse(photo.image_bgr, photo.photo_hw)
        return _Parsed(photo, result, loaded.seconds, self._engine.last_seconds)

    def save(self, task: ImageTask, computed: _Parsed) -> ImageReport:
        """Encode the result and write its files together."""
        started = time.perf_counter()
        job, photo, stages = self._job, computed.photo, computed.stages
        provenance = self._provenance(task, photo)
        parsed = ParsedPhoto(photo.image_bgr, computed.result, provenance, job.settings.mapping)
        files = encode_outputs(parsed, task.key, job.settings.save)
        written = write_group(self._tree, files, task.may_replace)
        seconds = PhotoSeconds(
            read=computed.read_seconds,
            preprocess=stages.preprocess,
            network=stages.network,
            postprocess=stages.postprocess,
            write=time.perf_counter() - started,
        )
        result = computed.result
        return done_report(
            task,
            written,
            photo.photo_hw,
            len(result.people),
            seconds,
            photo.sha256,
            sure_people=result.sure_people,
        )

    def _provenance(self, task: ImageTask, photo: DecodedImage) -> Provenance:
        model, settings = self._job.model, self._job.settings
        return Provenance(
            source=(PurePosixPath(task.key).parent / task.name).as_posix(),
            bytes=photo.size,
            sha256=photo.sha256,
            orientation=photo.orientation,
            notes=photo.notes,
            model=model.name,
            weights=model.weights,
            engine=settings.engine,
            flip=bool(settings.flip),
            tiles=str(settings.tiles),
            min_score=float(settings.min_score),
        )


def build_engine(model: ModelFiles, settings: ParseSettings, threads: int) -> Engine:
    """The engine that the settings ask for, with its model loaded."""
    if settings.engine == "reference":
        from m2fp_cli.engine.reference import ReferenceParser

        return ReferenceParser(model.folder, min_score=settings.min_score, threads=threads)
    from m2fp_cli.engine.parser import HumanParser

    return HumanParser(
        model.folder,
        min_score=settings.min_score,
        flip=settings.flip,
        precision=settings.precision,
        threads=threads,
        tiles=settings.tiles,
    )
