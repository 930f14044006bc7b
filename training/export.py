"""Writes a run's averaged weights as a model folder: ``python -m training.export --help``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from m2fp_cli.network.config import parse_config
from m2fp_cli.training.recipe import Recipe, read_recipe
from m2fp_cli.training.sources import describe_sources
from m2fp_cli.training.weights import export_weights

_LICENSE = "Apache-2.0"


def export_configuration(
    recipe: Recipe,
    roots: Sequence[Path],
    progress: dict[str, Any],
    min_size: int | None,
    target: Path,
) -> None:
    """Write ``configuration.json``: the recipe's, and where the weights come from."""
    configuration = json.loads(json.dumps(recipe.configuration))
    if min_size is not None:
        configuration["preprocessor"]["min_size"] = min_size
    configuration["m2fp"] = {
        "license": _LICENSE,
        "training": {
            "steps": progress.get("before", 0) + progress["step"],
            "decay_from": progress["decay_from"],
            "label_bias": recipe.label_bias,
            "backbone_from": "ImageNet" if recipe.pretrained else "random weights",
            "seed": recipe.seed,
            "sources": describe_sources(recipe.sources, roots),
        },
    }
    text = json.dumps(configuration, indent=2) + "\n"
    (target / "configuration.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "roots", type=Path, nargs="+", help="folders that hold the sources, for their hashes"
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], help="run to take the mean with"
    )
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parent / "starter.json")
    parser.add_argument("--min-size", type=int, help="default length of the shortest edge")
    parser.add_argument("--target", type=Path, required=True, help="model folder to write")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    num_labels = parse_config(recipe.configuration).num_parsing
    checkpoint = arguments.run / "checkpoint.pt"
    progress = export_weights(
        checkpoint, arguments.target, num_labels, recipe.label_bias,
        [run / "checkpoint.pt" for run in arguments.also],
    )  # fmt: skip
    export_configuration(recipe, arguments.roots, progress, arguments.min_size, arguments.target)


if __name__ == "__main__":
    main()
