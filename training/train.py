"""Trains a member of the M2FP family on labelled photos: ``python -m training.train --help``."""

from __future__ import annotations

import argparse
from pathlib import Path

from m2fp_cli.training.recipe import read_recipe
from m2fp_cli.training.trainer import Trainer


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "roots", type=Path, nargs="+", help="folders that hold the recipe's sources"
    )
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parent / "starter.json")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; resumed if it is there"
    )
    parser.add_argument(
        "--weights", type=Path, action="append", default=[],
        help="begin with those of this checkpoint.pt or model folder; with the mean of several",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes that compose scenes")
    parser.add_argument("--save-seconds", type=float, default=180.0)
    parser.add_argument("--decay-now", action="store_true", help="start the last phase at once")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    trainer = Trainer(recipe, arguments.roots, arguments.out, arguments.workers, arguments.weights)
    if arguments.decay_now:
        trainer.run.progress.start_decay()
    trainer.train(arguments.save_seconds)


if __name__ == "__main__":
    main()
