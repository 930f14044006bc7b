"""A fine-tuned model's folder: weights, configuration, a card, and what its origin's card says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2fp_cli.errors import OutputError
from m2fp_cli.evaluation.confusion import LabelFigures
from m2fp_cli.jsonio import read_json
from m2fp_cli.layout import FINETUNE_RECORD
from m2fp_cli.models.folder import CONFIGURATION_NAME
from m2fp_cli.models.registry import ModelFolder
from m2fp_cli.storage.edits import written_checksum
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import NamedBytes, write_alone
from m2fp_cli.terminal import counted, displayable
from m2fp_cli.training.dataset import hash_files
from m2fp_cli.training.own_photos import OwnPhotos
from m2fp_cli.training.weights import export_weights
from m2fp_cli.version import __version__

ORIGIN_CARD = "ORIGIN.md"
_CARD, _ATTRIBUTION = "README.md", "attribution.tsv"


@dataclass(frozen=True, eq=False)
class Learned:
    """What a run gave.

    Attributes:
        steps: after which the weights were taken.
        before: figures on the held-out photos, of the model that it began with.
        after: figures of what it wrote.
    """

    steps: int
    before: LabelFigures
    after: LabelFigures

    @property
    def gain(self) -> float:
        """Of the mean IoU."""
        return self.after.mean_iou - self.before.mean_iou


def write_model(
    tree: OutputTree,
    checkpoint: Path,
    origin: ModelFolder,
    data: Path,
    photos: OwnPhotos,
    learned: Learned,
) -> None:
    """Write the folder; what an earlier end of the same run wrote is replaced.

    Args:
        tree: the folder.
        checkpoint: of the run, whose averaged weights are taken.
        origin: the model that it began with.
        data: folder of the photos.
        photos: in it.
        learned: what came out.

    Raises:
        ModelError: the checkpoint is damaged.
        OutputError: the folder cannot be written, or somebody else's file is in the way.
    """
    configuration: dict[str, Any] = read_json(origin.configuration)
    refuse_foreign_files(tree)
    export_weights(checkpoint, tree.path, configuration["model"]["num_parsing"], 0)
    known = configuration.get("m2fp", {})
    configuration["m2fp"] = {
        **known,
        "finetuned": {
            "from": origin.name,
            "steps": learned.steps,
            "photos": len(photos.learned),
            "photos_sha256": hash_files(data, photos.learned),
            "held_out": len(photos.held_out),
            "mean_iou_before": round(learned.before.mean_iou, 5),
            "mean_iou_after": round(learned.after.mean_iou, 5),
        },
    }
    license_name = known.get("license", f"that of {origin.name}")
    files: list[NamedBytes] = list(_files_of_origin(origin))
    card = write_card(origin.name, str(license_name), photos, learned, [name for name, _ in files])
    files.append((_CARD, card.encode()))
    files.append((CONFIGURATION_NAME, f"{json.dumps(configuration, indent=2)}\n".encode()))
    write_alone(tree, files, may_replace=[name for name, _ in files])


def refuse_foreign_files(tree: OutputTree) -> None:
    """Refuse to replace a card or another text that m2fp did not write, or somebody changed since.

    Where the file system keeps no marks, whose they are cannot be known, and none is refused.

    Raises:
        OutputError: there is one.
    """
    if tree.mark(FINETUNE_RECORD) is None:
        return
    for name in (_CARD, ORIGIN_CARD, _ATTRIBUTION, CONFIGURATION_NAME):
        if tree.has_file(name) and written_checksum(tree, name) is None:
            raise OutputError(
                f"{displayable(tree.path / name)} is not as m2fp finetune wrote it; move it away "
                "and run again: what was learned is kept"
            )


def is_written(tree: OutputTree, steps: int) -> bool:
    """Whether the folder holds the model that the run has after so many steps."""
    if not all(tree.has_file(name) for name in (CONFIGURATION_NAME, "model.safetensors", _CARD)):
        return False
    try:
        configuration = read_json(tree.path / CONFIGURATION_NAME)
        return bool(configuration["m2fp"]["finetuned"]["steps"] == steps)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _files_of_origin(origin: ModelFolder) -> list[NamedBytes]:
    """The origin's card and its list of photos, which whoever passes its weights on must carry."""
    names = {_CARD: ORIGIN_CARD, _ATTRIBUTION: _ATTRIBUTION}
    if (origin.folder / ORIGIN_CARD).is_file():  # a fine-tuned model: the card of its own origin
        names = {ORIGIN_CARD: ORIGIN_CARD, _ATTRIBUTION: _ATTRIBUTION}
    found = {new: origin.folder / name for name, new in names.items()}
    return [(new, path.read_bytes()) for new, path in found.items() if path.is_file()]


def write_card(
    origin: str, license_name: str, photos: OwnPhotos, learned: Learned, carried: Sequence[str]
) -> str:
    """The card, as Markdown.

    Args:
        origin: name of the model that the run began with.
        license_name: of its weights.
        photos: what was learned from and judged on.
        learned: steps and figures.
        carried: files that were copied from the origin.
    """
    before, after = learned.before, learned.after
    shares: Mapping[str, tuple[float, float]] = {
        "mean IoU": (before.mean_iou, after.mean_iou),
        "pixels with the right label": (before.pixel_accuracy, after.pixel_accuracy),
        "person against background": (before.person_iou, after.person_iou),
        **dict(zip(before.labels.names, zip(before.iou, after.iou, strict=True), strict=False)),
    }
    rows = [f"| {k} | {_percent(was)} | {_percent(now)} |" for k, (was, now) in shares.items()]
    carries = f" See {' and '.join(carried)} for its data and licenses." if carried else ""
    held_out = counted(len(photos.held_out), "other, which was", "others, which were")
    return f"""# Fine-tuned from {origin}

    m2fp parse photos --model FOLDER

FOLDER is the path of this folder. `m2fp finetune` of m2fp {__version__} wrote it.

* It learned for {learned.steps} steps from {len(photos.learned)} labelled photos.
* It was judged on {held_out} held out. Which step is taken was
  decided on them too, and photos of one session resemble each other, so expect a little less
  elsewhere.

| % | before | after |
| --- | --- | --- |
{chr(10).join(rows)}

Labels have their IoU; - means that a label is neither in those photos nor was found in them.

## License

The weights began as those of {origin}. Their license: {license_name}.{carries}
What the photos and labels allow that it learned from, whoever made this model must say.
"""


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"
