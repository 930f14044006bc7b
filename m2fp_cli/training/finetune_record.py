"""The record of a fine-tuning run: what was asked for, and which photos were prepared for it.

It lies in the state folder of the model's folder, and says that the folder is a run's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from m2fp_cli.errors import ImageError, OutputError, UsageError
from m2fp_cli.evaluation.dataset import LabelledPhoto
from m2fp_cli.jsonio import list_of, parse_object, whole_of
from m2fp_cli.layout import FINETUNE_RECORD
from m2fp_cli.models.registry import ModelFolder
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_alone
from m2fp_cli.terminal import displayable
from m2fp_cli.training.own_photos import OwnPhotos, digest_photos


def has_record(tree: OutputTree) -> bool:
    """Whether a folder has the record of a run."""
    return tree.has_file(FINETUNE_RECORD)


def describe_run(
    origin: ModelFolder, photos: Sequence[LabelledPhoto], steps: int
) -> dict[str, Any]:
    """What decides a run, as its record has it.

    Args:
        origin: the model to begin with.
        photos: labelled photos, those held out among them.
        steps: before the last phase.
    """
    return {
        "format_version": 1,
        "model": weights_digest(origin.folder),
        "photos_sha256": digest_photos(photos),
        "steps": steps,
    }


class RunRecord:
    """The record of one folder."""

    def __init__(self, tree: OutputTree, asked: Mapping[str, Any]) -> None:
        """Of a folder, for a run that ``describe_run`` describes; nothing is written yet."""
        self._tree, self._asked = tree, dict(asked)

    def begin(self) -> OwnPhotos | None:
        """Go on with the run that is recorded, or record this one.

        Returns:
            The photos that the recorded run has prepared; None if there is none, or it has
            prepared none yet.

        Raises:
            UsageError: the recorded run is of another kind.
            OutputError: its record is damaged.
        """
        shown = displayable(self._tree.path)
        try:
            record = (
                parse_object(self._tree.read(FINETUNE_RECORD)) if has_record(self._tree) else {}
            )
            if "learned" not in record:  # nothing was learned yet, whatever was asked for
                self._write(self._asked)
                return None
            self._refuse_another(record)
            return _prepared_photos(record)
        except (ImageError, ValueError) as error:
            raise OutputError(
                f"the record of the run in {shown} is damaged ({error}); choose another -o"
            ) from error

    def note(self, prepared: OwnPhotos) -> None:
        """Add the photos that were prepared."""
        self._write({**self._asked, **vars(prepared)})

    def forget(self) -> None:
        """Remove the record."""
        self._tree.remove(FINETUNE_RECORD)

    def _refuse_another(self, record: Mapping[str, Any]) -> None:
        for key, what in (
            ("model", "from another model"),
            ("photos_sha256", "on other photos or labels"),
            ("steps", f"with --steps {record.get('steps')}"),
        ):
            if record.get(key) != self._asked[key]:
                shown = displayable(self._tree.path)
                raise UsageError(f"the run in {shown} was begun {what}; choose another -o")

    def _write(self, record: Mapping[str, Any]) -> None:
        write_alone(
            self._tree,
            [(FINETUNE_RECORD, json.dumps(record).encode())],
            may_replace=[FINETUNE_RECORD],
        )


def _prepared_photos(record: Mapping[str, Any]) -> OwnPhotos:
    """The photos of a record.

    Raises:
        ValueError: it does not hold them as it should.
    """
    learned, held_out = (
        tuple(str(photo) for photo in list_of(record, key, most=10**7))
        for key in ("learned", "held_out")
    )
    return OwnPhotos(learned, held_out, whole_of(record, "failed", 0, 10**9))
