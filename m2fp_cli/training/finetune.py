"""Fine-tunes a model on labelled photos of one's own.

The model is judged on held-out photos before, while and after it learns. All state of the run is
kept in the folder, so that the same command goes on where it was stopped.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from m2fp_cli.batch.lock import hold_output
from m2fp_cli.batch.resources import usable_cores
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import UsageError
from m2fp_cli.evaluation.dataset import LabelledPhoto, check_label_ids, find_other_order
from m2fp_cli.jsonio import read_json
from m2fp_cli.kernels.mkl import choose_mkl_code
from m2fp_cli.models.folder import SAFETENSORS_NAME
from m2fp_cli.models.registry import ModelFolder
from m2fp_cli.storage.errors import as_output_error
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable
from m2fp_cli.training.compose import SceneOdds
from m2fp_cli.training.display import Display
from m2fp_cli.training.finetune_record import RunRecord, describe_run
from m2fp_cli.training.losses import LossWeights
from m2fp_cli.training.model_folder import Learned, is_written, write_model
from m2fp_cli.training.own_photos import HELD_OUT, OwnPhotos, are_there, prepare_photos
from m2fp_cli.training.plan import RUN_FOLDER, Plan, check_plan, refuse_others
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.run import freeze_norms
from m2fp_cli.training.sources import Source
from m2fp_cli.training.start import read_run
from m2fp_cli.training.trainer import Trainer
from m2fp_cli.training.watch import Judgements, Watch, average_parser, best_of, read_photos

_BEST, _CHECKPOINT = "best", "checkpoint.pt"
_SAVE_SECONDS = 60.0
_SIZE_HW, _BATCH = (352, 288), 2
_RATE, _BACKBONE_RATE, _AVERAGE = 1.5e-4, 0.25, 0.99
_STEPS_A_PHOTO, _STEPS = 3, (90, 1500)
_FEWEST_BETWEEN = 15  # steps; a judgement after fewer shows hardly a change
_JUDGEMENTS = 6  # while it learns, if nothing ends it early
# Numbers of mallopt's options in glibc's malloc.h, and their values.
_KEEP_MEMORY = ((-1, 2**31 - 1), (-2, 2**28), (-4, 0))


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a run ended.

    Attributes:
        learned: steps and figures; None if it was stopped before its end.
        failed: photos that could not be used.
    """

    learned: Learned | None
    failed: int = 0


def finetune(plan: Plan, display: Display, stop: Callable[[], bool], workers: int = 1) -> Outcome:
    """Fine-tune a model, or go on where a run was stopped.

    Args:
        plan: what is asked for.
        display: shows the run.
        stop: whether to end early; all that was learned is then kept.
        workers: processes that compose scenes.

    Raises:
        UsageError: the data, the model or the folder's earlier run do not fit.
        NoImagesError: no photo has labels.
        ModelError: the model or the run's state is damaged.
        OutputError: the folder is another's, or cannot be written.
        OutputLockedError: another run works in it.
    """
    photos = check_plan(plan)
    with OutputTree(plan.out, create=True) as tree:
        refuse_others(tree)
        with hold_output(tree):
            try:
                return _finetune(plan, tree, photos, display, stop, workers)
            except OSError as error:
                raise as_output_error(str(tree.path), error, alone=True) from error


def _finetune(
    plan: Plan, tree: OutputTree, photos: list[LabelledPhoto], display: Display,
    stop: Callable[[], bool], workers: int,
) -> Outcome:  # fmt: skip
    run, steps = tree.path / RUN_FOLDER, plan.steps or choose_steps(len(photos))
    record = RunRecord(tree, describe_run(plan.origin, photos, steps))
    parser = HumanParser(plan.origin.folder)
    prepared = record.begin()
    if prepared is not None and not are_there(run / "data", prepared):
        _refuse_removed(tree)
        prepared = None
    if prepared is None:
        display.say(f"reading {len(photos)} labelled photos")
        prepared = _prepare(photos, parser, run, record, display, stop)
    if prepared is None:
        return Outcome(None)
    held_out = read_photos(run / "data", prepared.held_out)
    judgements = Judgements(run / "judged.json", parser.labels)
    every = max(_FEWEST_BETWEEN, steps // _JUDGEMENTS)
    watch = Watch(judgements, held_out, run / _BEST, every, display, stop)
    watch.judge(parser, 0)
    if 0 not in judgements:
        return Outcome(None, prepared.failed)
    recipe = recipe_for(plan.origin, steps)
    trainer = Trainer(recipe, [run], run, workers, [plan.origin.folder], watch)
    freeze_norms(trainer.run.model.backbone)
    if not trainer.train(_SAVE_SECONDS, stop):
        return Outcome(None, prepared.failed)
    taken = trainer.run.progress.step
    watch.judge(average_parser(trainer), taken)
    if taken not in judgements:
        return Outcome(None, prepared.failed)
    chosen, checkpoint = choose_checkpoint(run, judgements.curve(taken))
    learned = Learned(chosen, judgements[0], judgements[chosen])
    if not is_written(tree, chosen):
        write_model(tree, checkpoint, plan.origin, run / "data", prepared, learned)
    return Outcome(learned, prepared.failed)


def _refuse_removed(tree: OutputTree) -> None:
    """Refuse a folder whose model is there, but without the run that it came from.

    Raises:
        UsageError: it is such a folder.
    """
    if tree.has_file(SAFETENSORS_NAME) and not tree.has_file(f"{RUN_FOLDER}/{_CHECKPOINT}"):
        raise UsageError(
            f"{displayable(tree.path)} holds a model whose folder {RUN_FOLDER} was removed, so "
            "nothing is left to go on with; choose another -o to learn anew"
        )


def _prepare(
    photos: list[LabelledPhoto], parser: HumanParser, run: Path, record: RunRecord,
    display: Display, stop: Callable[[], bool],
) -> OwnPhotos | None:  # fmt: skip
    """Write the photos as the run reads them; None if it is to end early.

    Raises:
        UsageError: they cannot be learned from; the folder is then as before.
    """
    try:
        check_label_ids(photos, parser.labels)
        if doubt := find_other_order(photos, parser.labels):
            display.say(doubt)
        prepared = prepare_photos(photos, parser, run / "data", display.warn, stop)
    except UsageError:
        shutil.rmtree(run, ignore_errors=True)
        record.forget()
        raise
    if prepared is not None:
        record.note(prepared)
    return prepared


def choose_checkpoint(run: Path, curve: Sequence[tuple[int, float]]) -> tuple[int, Path]:
    """The step that was judged best and its checkpoint; the last one if none beat the beginning.

    Args:
        run: folder of the run.
        curve: (step, mean IoU), from step 0 to the last.
    """
    last, best = run / _CHECKPOINT, run / _BEST / _CHECKPOINT
    step = best_of(curve)
    if step in (0, curve[-1][0]) or not best.is_file():
        return curve[-1][0], last
    return (step, best) if read_run(best)["progress"]["step"] == step else (curve[-1][0], last)


def choose_steps(photos: int) -> int:
    """Steps before the last phase, for so many labelled photos, those held out among them."""
    low, high = _STEPS
    return min(max(_STEPS_A_PHOTO * photos, low), high)


def recipe_for(model: ModelFolder, steps: int) -> Recipe:
    """A run that begins at a model: its own configuration, small steps, mild scenes."""
    return Recipe(
        configuration=read_json(model.configuration),
        phases=(Phase(steps, _SIZE_HW, _BATCH),),
        decay=Phase(max(1, steps // 4), _SIZE_HW, _BATCH),
        learning_rate=_RATE,
        backbone_rate=_BACKBONE_RATE,
        warm_up=20,
        average=_AVERAGE,
        height=700,
        sources=(Source("data", held_out=HELD_OUT),),
        odds=SceneOdds(nobody=0.02, cutouts_only=0.05, more_people=0.3, max_scale=1.6),
        losses=LossWeights(sides=1.0),
    )


def prepare_process() -> None:
    """Use all cores and fast products, and let glibc keep freed memory.

    Giving it back takes half of a step's time. For a process that only trains; it stays so to its
    end.
    """
    choose_mkl_code()
    torch.set_num_threads(usable_cores())
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in _KEEP_MEMORY:
        mallopt(option, value)
