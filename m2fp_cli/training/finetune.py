"""Fine-tunes a model on labelled photos of one's own.

Photos may be labelled in CVAT or LabelMe, or lie in CIHP's folders; every fifth is held out. The
model is judged on these before, while and after it learns, and its folder says how it did.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import UsageError
from m2fp_cli.evaluation.confusion import LabelFigures
from m2fp_cli.evaluation.dataset import LabelledPhoto, find_labelled, read_truth
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.encoding import encode_jpeg, encode_png
from m2fp_cli.models.registry import ModelFolder, resolve_model
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import say
from m2fp_cli.training.compose import SceneOdds
from m2fp_cli.training.dataset import IGNORE, hash_files, read_photo
from m2fp_cli.training.judging import evaluate_photos
from m2fp_cli.training.losses import LossWeights
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.run import freeze_norms
from m2fp_cli.training.sources import Source
from m2fp_cli.training.trainer import Trainer
from m2fp_cli.training.weights import export_weights

_EVERY_FIFTH = 5
_FEWEST = 5  # photos: four to learn from and one to judge on
_HELD_OUT = "held_out.txt"
_SHOW_EVERY = 10
_PATIENCE = 3  # judgements without a better one, after which the last phase begins
_SIZE_HW, _BATCH = (352, 288), 2
_RATE, _BACKBONE_RATE, _AVERAGE = 1.5e-4, 0.25, 0.99


def prepare(photos: Sequence[LabelledPhoto], parser: HumanParser, target: Path) -> list[str]:
    """Write the photos as ``training`` reads them, and the list of those that are held out.

    Args:
        photos: of ``find_labelled``.
        parser: the model; its labels give the ids, and where nobody has told people apart, a pixel
            with a label belongs to the nearest person that it finds.
        target: folder; what is there is written anew.

    Returns:
        names of the photos that are held out.

    Raises:
        UsageError: there are fewer than 5 photos.
        ImageError: a photo or its labels cannot be read.
    """
    if len(photos) < _FEWEST:
        raise UsageError(f"fine-tuning needs at least {_FEWEST} labelled photos, got {len(photos)}")
    for kind in ("photos", "labels", "people"):
        (target / kind).mkdir(parents=True, exist_ok=True)
    for photo in photos:
        image, truth = read_image(photo.photo).image_bgr, read_truth(photo, parser.labels)
        if truth.labels.shape != image.shape[:2]:
            raise UsageError(f"{photo.photo.name} and its labels differ in size")
        people = truth.people
        if people is None:
            people = nearest_people(truth.labels, parser.parse(image))
        files = {
            f"photos/{photo.name}.jpg": encode_jpeg(image, quality=95),
            f"labels/{photo.name}.png": encode_png(truth.labels),
            f"people/{photo.name}.png": encode_png(np.minimum(people, 254).astype(np.uint8)),
        }
        for name, data in files.items():
            (target / name).write_bytes(data)
    held_out = [photo.name for photo in photos][::_EVERY_FIFTH]
    (target / _HELD_OUT).write_text("".join(f"{name}\n" for name in held_out), encoding="utf-8")
    return held_out


def nearest_people(labels: NDArray[np.uint8], found: ParsingResult) -> NDArray[np.uint16]:
    """Whose each labelled pixel is, (H, W) uint16: the nearest person's that was found."""
    ids, somebody = [person.person_id for person in found.people], (labels > 0) & (labels != IGNORE)
    if len(ids) < 2:
        return np.asarray(somebody, np.uint16)
    away = [
        cv2.distanceTransform((found.person_map != i).astype(np.uint8), cv2.DIST_L2, 5) for i in ids
    ]
    nearest = np.asarray(ids, np.uint16)[np.argmin(np.stack(away), axis=0)]
    return np.where(somebody, nearest, 0).astype(np.uint16)


def recipe_for(model: ModelFolder, steps: int) -> Recipe:
    """A run that begins at a model: its own configuration, small steps, mild scenes."""
    configuration = json.loads(model.configuration.read_text(encoding="utf-8"))
    return Recipe(
        configuration=configuration,
        phases=(Phase(steps, _SIZE_HW, _BATCH),),
        decay=Phase(max(1, steps // 4), _SIZE_HW, _BATCH),
        learning_rate=_RATE,
        backbone_rate=_BACKBONE_RATE,
        warm_up=20,
        average=_AVERAGE,
        height=700,
        sources=(Source("data", held_out=_HELD_OUT),),
        odds=SceneOdds(nobody=0.02, cutouts_only=0.05, more_people=0.3, max_scale=1.6),
        losses=LossWeights(sides=1.0),
    )


@dataclass
class Watch:
    """Shows how a run goes, judges it now and then, and ends it when it gets no better.

    Attributes:
        data: folder of the prepared photos.
        held_out: names of those to judge on.
        record: file of all judgements; a run that goes on reads it.
        every: steps between judgements.
        judged: (step, mean IoU); step 0 is the model that it began with.
    """

    data: Path
    held_out: Sequence[str]
    record: Path
    every: int
    judged: list[tuple[int, float]] = field(default_factory=list)
    _since: tuple[float, int] | None = None

    def __post_init__(self) -> None:
        """Go on with the record of a run that was stopped."""
        if self.record.exists():
            self.judged = [tuple(pair) for pair in json.loads(self.record.read_text())]

    def judge(self, parser: HumanParser, step: int) -> LabelFigures:
        """Judge a parser on the held-out photos, and note it."""
        figures = evaluate_photos(parser, [read_photo(self.data, name) for name in self.held_out])
        self.judged.append((step, round(figures.mean_iou, 5)))
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps(self.judged))
        say(f"step {step}: mean IoU {figures.mean_iou:.1%} on {len(self.held_out)} held-out photos")
        return figures

    def __call__(self, trainer: Trainer, loss: float) -> None:
        """See one step."""
        progress, recipe = trainer.run.progress, trainer.recipe
        now = time.monotonic()
        since = self._since = self._since or (now, progress.step - 1)
        total = (progress.decay_from or recipe.phases[0].steps) + recipe.decay.steps
        if progress.step % _SHOW_EVERY == 0:
            left = (now - since[0]) / (progress.step - since[1]) * (total - progress.step)
            minutes, seconds = divmod(round(left), 60)
            say(f"step {progress.step} of {total}, loss {loss:.3f}, {minutes}:{seconds:02d} left")
        if progress.step % self.every == 0 and progress.decay_from is None:
            average = copy.deepcopy(trainer.run.average).cpu()
            self.judge(HumanParser.from_network(average), progress.step)
            if self.is_stuck():
                say("no better for a while: the last steps begin now")
                progress.start_decay()

    def is_stuck(self) -> bool:
        """Whether the best judgement is some judgements ago."""
        best = max(range(len(self.judged)), key=lambda i: self.judged[i][1])
        return len(self.judged) - 1 - best >= _PATIENCE


def write_model(
    model: ModelFolder, data: Path, run: Path, out: Path, figures: tuple[LabelFigures, LabelFigures]
) -> None:
    """Write the model folder: weights, configuration, and a card with the figures.

    Args:
        model: where it began.
        data: folder of the prepared photos.
        run: folder of the run.
        out: folder to write.
        figures: on the held-out photos, before and after.
    """
    configuration: dict[str, Any] = json.loads(model.configuration.read_text(encoding="utf-8"))
    progress = export_weights(run / "checkpoint.pt", out, configuration["model"]["num_parsing"], 0)
    held_out = (data / _HELD_OUT).read_text(encoding="utf-8").split("\n")[:-1]
    names = sorted(path.stem for path in (data / "photos").glob("*.jpg"))
    learned = [name for name in names if name not in set(held_out)]
    before, after = figures
    origin = configuration.get("m2fp", {})
    configuration["m2fp"] = {
        **origin,
        "finetuned": {
            "from": model.name,
            "steps": progress["step"],
            "photos": len(learned),
            "photos_sha256": hash_files(data, learned, "labels"),
            "held_out": len(held_out),
            "mean_iou_before": round(before.mean_iou, 5),
            "mean_iou_after": round(after.mean_iou, 5),
        },
    }
    text = json.dumps(configuration, indent=2) + "\n"
    (out / "configuration.json").write_text(text, encoding="utf-8")
    rows = "".join(
        f"| {name} | {_percent(was)} | {_percent(now)} |\n"
        for name, was, now in zip(before.labels.names, before.iou, after.iou, strict=False)
    )
    license_name = origin.get("license", f"that of {model.name}")
    card = (
        f"# Fine-tuned from {model.name}\n\n    m2fp parse photos --model {out.name}\n\n"
        f"{progress['step']} steps on {len(learned)} photos; figures are of {len(held_out)} photos "
        f"that were held out. License of the weights: {license_name}.\n\n"
        "| IoU % | before | after |\n|---|---|---|\n"
        f"| mean | {_percent(before.mean_iou)} | {_percent(after.mean_iou)} |\n{rows}"
    )
    (out / "README.md").write_text(card, encoding="utf-8")


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}".removesuffix("%")


def finetune(data: Path, name: str, out: Path, steps: int, workers: int = 1) -> float:
    """Fine-tune a model, or go on where a run was stopped.

    Args:
        data: labelled photos.
        name: of the model to begin with.
        out: model folder to write; the run is kept in ``run`` below it.
        steps: before the last phase, which takes a quarter more.
        workers: processes that compose scenes.

    Returns:
        gain of the mean IoU on the held-out photos.

    Raises:
        M2fpError: data, model or folder cannot be used.
    """
    model, run = resolve_model(name), out / "run"
    parser = HumanParser(model.folder)
    held_out = prepare(find_labelled(data), parser, run / "data")
    watch = Watch(run / "data", held_out, run / "judged.json", max(1, steps // 6))
    before = evaluate_photos(parser, [read_photo(run / "data", name) for name in held_out])
    if not watch.judged:
        watch.judged.append((0, round(before.mean_iou, 5)))
    say(f"before: mean IoU {before.mean_iou:.1%} on {len(held_out)} held-out photos")
    trainer = Trainer(recipe_for(model, steps), [run], run, workers, [model.folder], watch)
    freeze_norms(trainer.run.model.backbone)
    trainer.train(save_seconds=120)
    average = copy.deepcopy(trainer.run.average).cpu()
    after = watch.judge(HumanParser.from_network(average), trainer.run.progress.step)
    write_model(model, run / "data", run, out, (before, after))
    say(f"{out}: mean IoU {before.mean_iou:.1%} before, {after.mean_iou:.1%} after")
    return after.mean_iou - before.mean_iou


def main() -> None:
    """Parse the command line and fine-tune."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, help="labelled photos: CVAT's, LabelMe's, CIHP's folders"
    )
    parser.add_argument("--from", dest="model", default="starter", help="model to begin with")
    parser.add_argument("--out", "-o", type=Path, required=True, help="model folder to write")
    parser.add_argument("--steps", type=int, default=300, help="before the last phase")
    parser.add_argument("--workers", type=int, default=1, help="processes that compose scenes")
    arguments = parser.parse_args()
    finetune(arguments.data, arguments.model, arguments.out, arguments.steps, arguments.workers)


if __name__ == "__main__":
    main()
