"""The work on one photo, from path to files; what a worker process runs.

Only settings and tasks come in and reports go out, all of them small and picklable. torch is
imported when the first worker is built, never by the process that only hands out work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.imaging.atomic import write_group
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.inspect import MAX_PIXELS
from m2fp_cli.models.registry import resolve_model
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.store import DEFAULT_KINDS, Provenance, encode_result

if TYPE_CHECKING:
    from m2fp_cli.engine.parser import Engine

ENGINES = ("fast", "reference")


@dataclass(frozen=True)
class ParseSettings:
    """Everything that decides what is written, and how.

    Attributes:
        output: root of the output.
        model: name, ModelScope id or folder.
        engine: ``fast`` or ``reference``.
        flip: test-time augmentation.
        min_score: lowest score of a reported instance.
        kinds: what to write, members of ``store.KINDS``.
        threads: cores inside one parse; None leaves it to torch.
        max_pixels: larger photos are refused.
    """

    output: Path
    model: str
    engine: str = "fast"
    flip: bool = False
    min_score: float = 0.1
    kinds: tuple[str, ...] = DEFAULT_KINDS
    threads: int | None = None
    max_pixels: int = MAX_PIXELS


class ParseWorker:
    """Holds a loaded model and parses photo after photo."""

    def __init__(self, settings: ParseSettings) -> None:
        """Load the model.

        Raises:
            ModelError: it is missing, damaged or does not fit.
            EngineError: the engine cannot run here.
        """
        self._settings = settings
        self._engine = build_engine(settings)
        self._weights = weights_digest(resolve_model(settings.model, download=False).folder)

    def run(self, task: ImageTask) -> ImageReport:
        """Parse one photo and write its results; a bad photo becomes a failed report.

        Raises:
            OutputError: nothing can be written, so going on would be pointless.
        """
        try:
            return self._parse(task)
        except ImageError as error:
            return failed_report(task, error)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "alloc" not in str(error):
                return failed_report(task, _internal(error))
            advice = "there is not enough memory for this photo; use fewer or smaller ones at once"
            return failed_report(task, ImageError("out_of_memory", advice))
        except OutputError:
            raise
        except Exception as error:
            return failed_report(task, _internal(error))

    def _parse(self, task: ImageTask) -> ImageReport:
        settings = self._settings
        started = time.perf_counter()
        photo = read_image(task.source, max_pixels=settings.max_pixels)
        read = time.perf_counter()
        result = self._engine.parse(photo.image_bgr)
        parsed = time.perf_counter()
        provenance = Provenance(
            source=(PurePosixPath(task.key).parent / task.source.name).as_posix(),
            orientation=photo.orientation,
            model=settings.model,
            weights=self._weights,
            engine=settings.engine,
            flip=settings.flip,
            min_score=settings.min_score,
        )
        files = encode_result(
            result, provenance, settings.output, task.key, settings.kinds, photo.image_bgr
        )
        write_group(files)
        stages = self._engine.last_seconds
        seconds = PhotoSeconds(
            read=read - started,
            preprocess=stages.preprocess,
            network=stages.network,
            postprocess=stages.postprocess,
            write=time.perf_counter() - parsed,
        )
        return ImageReport(
            str(task.source),
            task.key,
            Status.DONE,
            image_hw=photo.image_hw,
            people=len(result.people),
            seconds=seconds,
        )


def build_engine(settings: ParseSettings) -> Engine:
    """The engine that the settings ask for, with its model loaded."""
    if settings.engine == "reference":
        from m2fp_cli.engine.reference import ReferenceParser

        return ReferenceParser(
            settings.model, min_score=settings.min_score, threads=settings.threads
        )
    from m2fp_cli.engine.parser import HumanParser

    return HumanParser(
        settings.model,
        min_score=settings.min_score,
        flip=settings.flip,
        threads=settings.threads,
    )


def failed_report(task: ImageTask, error: ImageError) -> ImageReport:
    """Report of a photo without results."""
    return ImageReport(
        str(task.source), task.key, Status.FAILED, reason=error.reason, message=str(error)
    )


def _internal(error: Exception) -> ImageError:
    text = " ".join(str(error).split())[:300]
    return ImageError("internal", f"parsing failed ({type(error).__name__}: {text}); please report")
