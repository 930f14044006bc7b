"""Judges a model on real scenes with several people: ``python -m training.evaluate_scenes --help``.

Photos go through the tool's own parser, at their own resolution.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.training.recipe import read_recipe
from m2fp_cli.training.sources import Source
from training.evaluate import load_average, set_min_size
from training.scene_figures import SceneFindings, by_kind, judge_scene, summarize
from training.scene_truth import read_keypoints, read_scene

_FOLD = 5  # every fifth photo that may be learned from was kept for choices, up to the sixth run
_SETS = ("all", "held-out", "fold")


def choose_names(folder: Path, which: str) -> list[str]:
    """Photos of a folder: all, those of its ``held_out.txt``, or every fifth of the others."""
    source = Source(".", held_out="held_out.txt", fold=_FOLD)
    if which == "all":
        source = Source(".", held_out="none")
    learned, fold, held_out = source.split(folder)
    return {"all": learned, "held-out": held_out, "fold": fold}[which]


def judge_folder(parser: HumanParser, folder: Path, names: Sequence[str]) -> list[SceneFindings]:
    """Judge the scenes of these names, in their order."""
    labels, keypoints = parser.labels, read_keypoints(folder)
    findings = []
    for name in names:
        scene = read_scene(folder, name, keypoints)
        result = parser.parse(np.ascontiguousarray(scene.photo.rgb[:, :, ::-1]))
        humans = [i for i in result.instances if i.label_id == labels.human_id]
        masks = [human.mask.full() for human in humans]
        scores = [human.score for human in humans]
        findings.append(judge_scene(scene, masks, scores, result.semantic_map, labels.side_pairs()))
    return findings


def main() -> None:
    """Parse the command line, print two tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with photos/, labels/ and people/")
    parser.add_argument("--set", choices=_SETS, default="held-out", dest="which")
    parser.add_argument("--model", default="starter", help="name or folder of a model")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint.pt of a run, before export")
    parser.add_argument("--recipe", type=Path, help="of that run")
    parser.add_argument("--min-size", type=int, help="length of the shortest edge")
    parser.add_argument("--tiles", default="off", help="as of m2fp parse: auto, off or a number")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.checkpoint is None:
        judged = HumanParser(arguments.model, tiles=arguments.tiles)
    else:
        average = load_average(arguments.checkpoint, read_recipe(arguments.recipe))
        judged = HumanParser.from_network(average, tiles=arguments.tiles)
    set_min_size(judged, arguments.min_size)
    names = choose_names(arguments.folder, arguments.which)
    findings = judge_folder(judged, arguments.folder, names)
    figures, kinds = summarize(findings), by_kind(findings)
    for name, value in figures.items():
        print(f"{name:24} {value:.4f}")
    print(f"{'kind':24} people  found  mean IoU")
    for kind, (count, found, overlap) in kinds.items():
        print(f"{kind:24} {count:6} {found:6.3f} {overlap:9.3f}")
    if arguments.json is not None:
        text = json.dumps({**figures, "kinds": kinds}, indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
