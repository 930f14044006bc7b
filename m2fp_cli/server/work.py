"""What a worker process of the service does with one photo. Light to import: the front does."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from m2fp_cli.jobs.memory import PARSE_BYTES
from m2fp_cli.jobs.model_files import ModelFiles
from m2fp_cli.server.messages import Introduced, Wardrobe, WorkAnswer, WorkRequest

if TYPE_CHECKING:
    from m2fp_cli.engine.parser import HumanParser
    from m2fp_cli.imaging.codec import DecodedImage
    from m2fp_cli.records.document import Provenance
    from m2fp_cli.render.outputs import ParsedPhoto

_WARM_UP_HW = (480, 360)
_PACK_LEVEL = 1  # of zlib: 9 ms for the 1.3 MB document of a group photo, which becomes a third


@dataclass(frozen=True)
class ServiceJob:
    """Everything that a worker process needs to know; picklable.

    Attributes:
        model: what parses.
        precision: number format of the network.
        max_pixels: larger photos are refused.
    """

    model: ModelFiles
    precision: str
    max_pixels: int
    preload: tuple[str, ...] = (
        "m2fp_cli.engine.parser",
        "m2fp_cli.imaging.preload",
        "m2fp_cli.kernels.preload",
        "m2fp_cli.server.fitting",
    )

    def memory_bytes(self) -> int:
        """Rough peak of one process for photos of 12 megapixels."""
        return PARSE_BYTES["fast"] + 2 * self.model.weights_bytes

    def build_worker(self, threads: int) -> ServiceWorker:
        """Load the model into this process and parse once, so that the first request is fast.

        Raises:
            ModelError: it is damaged or does not fit.
        """
        import cv2

        from m2fp_cli.engine.parser import HumanParser

        cv2.setNumThreads(threads)
        parser = HumanParser(self.model.folder, precision=self.precision, threads=threads)
        worker = ServiceWorker(self, parser)
        worker.warm_up()
        return worker


class ServiceWorker:
    """Holds a loaded model and answers request after request."""

    def __init__(self, job: ServiceJob, parser: HumanParser) -> None:
        """Answer with a parser."""
        self._job, self._parser = job, parser

    def warm_up(self) -> None:
        """Parse a picture of nothing: compiled loops are loaded, memory is fetched."""
        import numpy as np

        self._parser.parse(np.full((*_WARM_UP_HW, 3), 127, dtype=np.uint8))

    def introduce(self) -> Introduced:
        """What the front must know of the model."""
        from m2fp_cli.records.palette import Palette

        labels = self._parser.labels
        colors = Palette.for_labels(labels).colors_rgb.tolist()
        people = Palette.for_people().colors_rgb.tolist()
        return Introduced(
            labels.names,
            labels.human_id,
            tuple(map(tuple, colors)),
            tuple(map(tuple, people)),
        )

    def show_accessories(self) -> Wardrobe:
        """The shipped accessories with thumbnails."""
        from m2fp_cli.server.fitting import shown_accessories, shown_names

        return Wardrobe(shown_accessories(), shown_names())

    def answer(self, request: WorkRequest) -> WorkAnswer:
        """Do what is asked.

        Raises:
            ImageError: the photo is refused or damaged.
            UsageError: a parameter makes no sense for this photo.
        """
        from m2fp_cli.imaging.codec import decode_image
        from m2fp_cli.server.encode import ShownPhoto, encode_view, ids_of
        from m2fp_cli.server.fitting import encode_fitted, fit_people, load_items

        clock = _StageClock()
        ids_of(self._parser.labels, request.asked.labels)  # wrong ones before the work
        with clock.stage("tryon"):
            items = load_items(request)
        with clock.stage("read"):
            photo = decode_image(request.photo, max_pixels=self._job.max_pixels)
        find = self._read if request.document else self._parse
        parsed = find(photo, request, clock)
        shown = ShownPhoto(parsed, request.name, request.asked)
        if request.worn:
            with clock.stage("tryon"):
                fitted = fit_people(parsed.image_bgr, parsed.result, request, items)
        with clock.stage("encode"):
            if request.worn:
                body, filename = encode_fitted(fitted, request)
            else:
                body, filename = encode_view(shown)
            packed = b"" if request.document else zlib.compress(shown.document, _PACK_LEVEL)
        return WorkAnswer(body, filename, packed, clock.seconds)

    def _read(self, photo: DecodedImage, request: WorkRequest, clock: _StageClock) -> ParsedPhoto:
        """The photo with the result that it has already."""
        from m2fp_cli.records.document import read_document
        from m2fp_cli.render.outputs import ParsedPhoto

        with clock.stage("read"):
            document = zlib.decompress(request.document)
            stored = read_document(document, max_pixels=self._job.max_pixels)
        return ParsedPhoto(photo.image_bgr, stored.result, stored.provenance)

    def _parse(self, photo: DecodedImage, request: WorkRequest, clock: _StageClock) -> ParsedPhoto:
        """The photo with a new result."""
        from m2fp_cli.render.outputs import ParsedPhoto

        result = self._parser.parse(photo.image_bgr, min_score=request.min_score)
        stages = self._parser.last_seconds
        for name in ("preprocess", "network", "postprocess"):
            clock.add(name, getattr(stages, name))
        return ParsedPhoto(photo.image_bgr, result, self._provenance(request, photo))

    def _provenance(self, request: WorkRequest, photo: DecodedImage) -> Provenance:
        from m2fp_cli.records.document import Provenance

        model, lowest = self._job.model, request.min_score
        return Provenance(
            source=request.name,
            bytes=photo.size,
            sha256=photo.sha256,
            orientation=photo.orientation,
            model=model.name,
            weights=model.weights,
            engine="fast",
            flip=False,
            min_score=self._parser.min_score if lowest is None else lowest,
        )


class _StageClock:
    """Wall-clock seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
