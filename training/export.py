"""Writes a run's averaged weights as a model folder: ``python -m training.export --help``.

Matrices and kernels are stored in half precision, vectors (biases, batch statistics) in single.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from m2fp_cli.network.config import parse_config
from training.recipe import Recipe, read_recipe
from training.sources import describe_sources
from training.start import mean_weights

_LICENCE = "Apache-2.0"


def export_weights(
    checkpoint: Path, target: Path, num_labels: int, label_bias: float, also: Sequence[Path] = ()
) -> dict[str, Any]:
    """Write ``model.safetensors`` and return the run's progress.

    Args:
        checkpoint: ``checkpoint.pt`` of a run.
        target: model folder; made if it is not there.
        num_labels: labels of the map; their classes come first.
        label_bias: added to the class logits of the labels, people's and "nobody"'s left alone. A
            label query that doubts whether its label is there speaks up more; the label map asks
            which label it is, not whether there is one, and rare labels would never win.
        also: checkpoints of other runs; the mean of all of their weights is written. It makes sense
            for runs that went on from each other (Wortsman et al., "Model soups",
            https://arxiv.org/abs/2203.05482).
    """
    state = torch.load(checkpoint, map_location="cpu")
    others = [torch.load(path, map_location="cpu")["average"] for path in also]
    average = mean_weights([state["average"], *others])
    average["sem_seg_head.predictor.class_embed.bias"][:num_labels] += label_bias
    weights = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in average.items()
        if not name.endswith("num_batches_tracked")
    }
    target.mkdir(parents=True, exist_ok=True)
    partial = target / "model.safetensors.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    partial.chmod(0o644)  # safetensors makes it readable for its owner only
    partial.replace(target / "model.safetensors")  # others may have the old file mapped
    progress: dict[str, Any] = state["progress"]
    return progress


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
        "license": _LICENCE,
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
