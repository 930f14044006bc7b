"""Judges a model on the held-out photos: ``python -m training.evaluate --help``.

Photos go through the tool's own parser, at their own resolution.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.training.compose import SceneComposer, SceneOdds
from m2fp_cli.training.dataset import LabelledPhoto, find_names, read_photo, split_names
from m2fp_cli.training.drawing import EvenDrawer
from m2fp_cli.training.judging import evaluate_photos
from m2fp_cli.training.recipe import Recipe, read_recipe
from m2fp_cli.training.start import read_run
from training.metrics import (
    FoundPeople,
    average_precision,
    recall_and_precision,
)  # fmt: skip

_SCENE_HW = (448, 576)
_SCENE_SEED = 7
_DEFAULT_RECIPE = Path(__file__).parent / "starter.json"


@dataclass(frozen=True)
class PeopleFigures:
    """How well people are told apart on composed scenes."""

    average_precision_50: float
    recall: float
    precision: float


def read_held_out(
    data: Path, names: Sequence[str], max_height: int | None = None
) -> list[LabelledPhoto]:
    """Read photos at their own size."""
    return [read_photo(data, name, max_height) for name in names]


def evaluate_people(
    parser: HumanParser, photos: Sequence[LabelledPhoto], scenes: int = 60, min_score: float = 0.5
) -> PeopleFigures:
    """People on composed scenes of 2 to 4; the same scenes every time."""
    labels = parser.labels
    composer = SceneComposer(EvenDrawer(photos, labels.mirrored_ids()), SceneOdds())
    found = []
    for index in range(scenes):
        rng = np.random.default_rng((_SCENE_SEED, index))
        scene = composer.draw_people(rng, _SCENE_HW, 2 + index % 3)
        result = parser.parse(np.ascontiguousarray(scene.rgb[:, :, ::-1]))
        humans = [i for i in result.instances if i.label_id == labels.human_id]
        truth = [scene.people == i for i in range(1, scene.count + 1)]
        truth = [mask for mask in truth if mask.sum() > 600]
        masks = [human.mask.full() for human in humans]
        found.append(FoundPeople([human.score for human in humans], masks, truth))
    recall, precision = recall_and_precision(found, 0.5, min_score)
    return PeopleFigures(average_precision(found, 0.5), recall, precision)


def load_average(checkpoint: Path, recipe: Recipe) -> M2FP:
    """The averaged weights of a run, as a network in evaluation mode."""
    network = M2FP(parse_config(recipe.configuration))
    network.load_state_dict(read_run(checkpoint)["average"])
    return network.eval()


def set_min_size(parser: HumanParser, min_size: int | None) -> None:
    """Let the parser work at another shortest edge; None = leave it."""
    if min_size is not None:
        parser.config = replace(
            parser.config, input=replace(parser.config.input, min_size=min_size)
        )


def main() -> None:
    """Parse the command line, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and labels/")
    parser.add_argument("--model", default="starter", help="name or folder of a model")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint.pt of a run, before export")
    parser.add_argument("--recipe", type=Path, default=_DEFAULT_RECIPE)
    parser.add_argument("--min-size", type=int, help="length of the shortest edge")
    parser.add_argument("--every", type=int, default=1, help="use every n-th held-out photo")
    parser.add_argument("--scenes", type=int, default=60, help="composed scenes for people")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    if arguments.checkpoint is None:
        judged = HumanParser(arguments.model)
    else:
        judged = HumanParser.from_network(load_average(arguments.checkpoint, recipe))
    set_min_size(judged, arguments.min_size)
    names = split_names(find_names(arguments.data))[1][:: arguments.every]
    photos = read_held_out(arguments.data, names)
    started = time.perf_counter()
    figures = evaluate_photos(judged, photos).summary()
    figures["seconds_a_photo"] = round((time.perf_counter() - started) / len(photos), 3)
    if arguments.scenes:
        people = evaluate_people(judged, photos, arguments.scenes)
        figures |= {f"people_{k}": round(v, 4) for k, v in vars(people).items()}
    for name, value in figures.items():
        print(f"{name:32} {value:.4f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
