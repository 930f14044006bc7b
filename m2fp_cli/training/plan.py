"""What a fine-tuning run is asked to do, and what is refused before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.evaluation.dataset import LabelledPhoto, find_labelled
from m2fp_cli.jsonio import read_json
from m2fp_cli.layout import FINETUNE_RECORD, STATE_FOLDER
from m2fp_cli.models.registry import ModelFolder
from m2fp_cli.storage.beforehand import check_folder
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable

FEWEST = 5  # photos: four to learn from and one to judge on
RUN_FOLDER = "run"


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        data: labelled photos, as ``evaluation.dataset.find_labelled`` takes them.
        origin: the model to begin with.
        out: model folder to write; the run is kept in ``run`` below it.
        steps: before the last phase, which takes a quarter more; None chooses.
    """

    data: Path
    origin: ModelFolder
    out: Path
    steps: int | None = None


def check_plan(plan: Plan) -> list[LabelledPhoto]:
    """Check what is asked for; writes nothing.

    Returns:
        the photos that have labels.

    Raises:
        NoInputError: the data is not there.
        UsageError: the data or the model do not fit.
        NoImagesError: no photo has labels.
        OutputError: the folder is another's, or cannot be written.
    """
    photos = find_labelled(plan.data)
    require_family(plan.origin)
    if len(photos) < FEWEST:
        raise UsageError(
            f"{displayable(plan.data)} has {counted(len(photos), 'labelled photo')}; fine-tuning "
            f"needs at least {FEWEST}"
        )
    check_folder(plan.out)
    if plan.out.exists():
        with OutputTree(plan.out) as tree:
            refuse_others(tree)
    return photos


def require_family(model: ModelFolder) -> None:
    """Refuse models whose first queries do not stand for the labels, as training has them.

    Raises:
        UsageError: the model was not made by m2fp's own training.
    """
    if not isinstance(read_json(model.configuration).get("m2fp"), dict):
        raise UsageError(
            f"{displayable(model.name)} was not trained by m2fp, so its queries do not stand for "
            "fixed labels; use --from starter, or a folder that m2fp finetune wrote"
        )


def refuse_others(tree: OutputTree) -> None:
    """Refuse a folder that holds anything but an earlier run.

    Raises:
        OutputError: it does, or a link lies where the run is kept.
    """
    entries = {path.name for path in tree.path.iterdir()} - {STATE_FOLDER}
    if entries and not tree.has_file(FINETUNE_RECORD):
        raise OutputError(
            f"{displayable(tree.path)} holds other files ({displayable(min(entries))}); choose a "
            "new folder with -o"
        )
    for path in (tree.path / RUN_FOLDER, *(tree.path / RUN_FOLDER).glob("*")):
        if path.is_symlink():
            raise OutputError(f"{displayable(path)} is a link; remove it, or choose another -o")
