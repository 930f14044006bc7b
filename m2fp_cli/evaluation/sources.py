"""Where the results to be judged come from: a model that parses now, or an earlier parse."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from m2fp_cli.errors import ImageError, NoImagesError, NoInputError, UsageError
from m2fp_cli.evaluation.dataset import LabelledPhoto, find_keys
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jobs.parse import ParseJob, build_engine
from m2fp_cli.layout import result_path
from m2fp_cli.records.document import StoredResult, read_document
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.storage.errors import as_unreadable
from m2fp_cli.terminal import displayable


class Source(Protocol):
    """Gives the result of one photo after the other."""

    @property
    def labels(self) -> LabelSet:
        """Of all results."""

    @property
    def description(self) -> dict[str, str]:
        """What made the results, for the record."""

    def parse(self, photo: LabelledPhoto) -> ParsingResult:
        """Result of one photo.

        Raises:
            ImageError: the photo or its result cannot be read.
        """


class ModelSource:
    """A model that parses the photos now, in this process."""

    def __init__(self, job: ParseJob, threads: int | None) -> None:
        """Load the model.

        Args:
            job: model and settings; nothing is written to its output.
            threads: cores; None leaves torch's setting alone.

        Raises:
            ModelError: it is damaged or does not fit.
            EngineError: the engine cannot run here.
        """
        import torch

        self._job = job
        self._engine = build_engine(job.model, job.settings, threads or torch.get_num_threads())

    @property
    def labels(self) -> LabelSet:
        """Of the model."""
        return self._engine.config.labels

    @property
    def description(self) -> dict[str, str]:
        """Model, weights and settings."""
        wanted = ("model", "weights", "engine", "precision", "flip", "tiles", "min_score")
        settings = self._job.signature()
        return {name: settings[name] for name in wanted}

    def parse(self, photo: LabelledPhoto) -> ParsingResult:
        """Read the photo and parse it.

        Raises:
            ImageError: it cannot be read.
        """
        return self._engine.parse(read_image(photo.photo).image_bgr)


@dataclass(frozen=True)
class ResultSource:
    """The output of ``m2fp parse DATASET/photos -o FOLDER``.

    Attributes:
        folder: root of the results.
        photos: what will be asked for.
        labels: of the first result there is.
    """

    folder: Path
    photos: Sequence[LabelledPhoto]
    labels: LabelSet = field(init=False)
    _keys: Mapping[str, str] = field(init=False, repr=False)  # by path of a photo

    def __post_init__(self) -> None:
        """Find the label set in the first result there is.

        Raises:
            NoImagesError: no photo has a result.
            NoInputError: the folder of results cannot be looked into.
            UsageError: the first result cannot be read.
        """
        object.__setattr__(self, "_keys", find_keys(self.photos[0].photo.parent))
        try:
            first = next((path for path in map(self._path, self.photos) if path.is_file()), None)
        except PermissionError as error:
            raise NoInputError(str(as_unreadable(str(error.filename), error))) from error
        if first is None:
            raise NoImagesError(
                f"{displayable(self.folder)} holds no result of these photos; parse them first: "
                f"m2fp parse {shlex.quote(displayable(self.photos[0].photo.parent))} -o "
                f"{shlex.quote(displayable(self.folder))}"
            )
        try:
            object.__setattr__(self, "labels", _read(first).result.labels)
        except (ImageError, ValueError) as error:
            raise UsageError(f"{displayable(first)}: {error}") from error

    @property
    def description(self) -> dict[str, str]:
        """Where they are."""
        return {"results": str(self.folder)}

    def parse(self, photo: LabelledPhoto) -> ParsingResult:
        """Read the result of a photo.

        Raises:
            ImageError: it is not there, damaged, or that of another photo beside it.
        """
        path = self._path(photo)
        if not path.is_file():
            raise ImageError("vanished", f"has no result in {displayable(self.folder)}; parse it")
        try:
            stored = _read(path)
        except (ImageError, ValueError) as error:
            message = f"has a damaged result: {displayable(path)}: {error}"
            raise ImageError("corrupt", message) from error
        made_from = PurePosixPath(stored.provenance.source).name
        if made_from != photo.photo.name and str(photo.photo.with_name(made_from)) in self._keys:
            raise ImageError(
                "unsupported",
                f"has no result: {displayable(path)} is that of {displayable(made_from)}; parse "
                "the whole folder",
            )
        return stored.result

    def _path(self, photo: LabelledPhoto) -> Path:
        return result_path(self.folder, self._keys[str(photo.photo)])


def _read(path: Path) -> StoredResult:
    return read_document(read_bytes(path))
