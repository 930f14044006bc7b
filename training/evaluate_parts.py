"""Judges the labels of people's parts on real scenes: ``python -m training.evaluate_parts --help``.

The truth is a model's guess inside exact masks of people, corrected by eye (``relabel``, then
``part_corrections`` with ``corrections/coco_held_out.tsv``). Its borders are that model's, so a
model like it is judged a little too well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.records.labels import CIHP, LabelSet
from m2fp_cli.training.dataset import IGNORE, SOMEBODY, Bytes, find_names, read_photo

Counts = NDArray[np.int64]


def count_pairs(truth: Bytes, people: Bytes, found: Bytes, num_labels: int) -> Counts:
    """Pixels of known people by (true label, found label), (num_labels, num_labels).

    Args:
        truth: (H, W) uint8 ids; what is unknown is left out.
        people: (H, W) uint8 ids, 0 = nobody, 255 = unknown.
        found: (H, W) uint8 ids.
        num_labels: with the background.
    """
    known = (truth > 0) & (truth < min(SOMEBODY, num_labels)) & (people > 0) & (people != IGNORE)
    pairs = truth[known].astype(np.int64) * num_labels + found[known]
    return np.bincount(pairs, minlength=num_labels**2).reshape(num_labels, num_labels)


def without_sides(counts: Counts, labels: LabelSet) -> Counts:
    """The same with each right limb and shoe counted as the left one."""
    merged = np.arange(len(counts))
    for left, right in labels.side_pairs():
        merged[right] = left
    together = np.zeros_like(counts)
    np.add.at(together, (merged[:, None], merged[None, :]), counts)
    return together


def summarize(counts: Counts, names: tuple[str, ...]) -> dict[str, float]:
    """Shares of people's pixels, and the IoU of each label among people's pixels.

    ``found`` counts what is called anybody's, ``right`` what has its label, ``mean_iou`` the labels
    that the truth has.
    """
    total = max(1, int(counts.sum()))
    hits = np.diag(counts)
    unions = counts.sum(1) + counts.sum(0) - hits
    ious = {
        f"iou_{name}": float(hits[i] / unions[i])
        for i, name in enumerate(names)
        if i and counts[i].any()
    }
    return {
        "found": float(counts[:, 1:].sum() / total),
        "right": float(hits[1:].sum() / total),
        "mean_iou": float(np.mean([*ious.values()])) if ious else float("nan"),
        **ious,
    }


def main() -> None:
    """Parse the command line and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/, labels/ and people/")
    parser.add_argument("--model", default="starter", help="name or folder of a model")
    asked = parser.parse_args()
    judged = HumanParser(asked.model)
    size = len(CIHP.names)
    counts = np.zeros((size, size), np.int64)
    for name in find_names(asked.data):
        photo = read_photo(asked.data, name)
        found = judged.parse(np.ascontiguousarray(photo.rgb[:, :, ::-1])).semantic_map
        counts += count_pairs(photo.labels, photo.people, found, size)
    for name, value in summarize(without_sides(counts, CIHP), CIHP.names).items():
        print(f"{name:24} {value:.4f}")
    print(f"{'right_with_sides':24} {summarize(counts, CIHP.names)['right']:.4f}")


if __name__ == "__main__":
    main()
