"""Labels photos that nobody labelled: ``python -m training.self_label --help``.

A trained model's opinion of the photo and of its mirror image is taken together; what stays in
doubt is left out. ``training.train --more FOLDER`` learns from the result.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.mask_edges import refine_edges
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.engine.sides import assign_sides
from m2fp_cli.terminal import counted
from m2fp_cli.training.dataset import IGNORE, Bytes

_LARGEST_OTHER = 0.15  # of the largest person's pixels; more is a second person, not a scrap

Votes = NDArray[np.float32]


@torch.inference_mode()
def vote(network: FastM2FP, rgb: Bytes) -> Votes:
    """Shares of the labels at every pixel, as the label map's votes give them.

    Args:
        network: its query ``i`` stands for label ``i``, as the starter's do.
        rgb: (H, W, 3) uint8.

    Returns:
        (num_labels, H, W) float32 that sums to 1 over the labels.
    """
    given = prepare_image(np.ascontiguousarray(rgb[:, :, ::-1]), network.config.input)
    prediction = network(given.tensor)
    if network.config.mask_edges == "photo":
        prediction = refine_edges(prediction, given.tensor)
    count = network.config.num_parsing
    classes = prediction.class_logits[0].softmax(-1)[:, :count]
    size = given.tensor.shape[-2:]
    masks = F.interpolate(prediction.mask_logits, size, mode="bilinear", align_corners=False)
    left, top, right, bottom = given.geometry.content_xyxy
    votes = torch.einsum("qc,qhw->chw", classes, masks[0, :, top:bottom, left:right].sigmoid())
    photo = F.interpolate(votes[None], rgb.shape[:2], mode="bilinear", align_corners=False)[0]
    shares: Tensor = photo / photo.sum(0, keepdim=True).clamp(min=1e-6)
    return np.asarray(shares.numpy())


def vote_both_ways(network: FastM2FP, rgb: Bytes, mirrored_ids: Sequence[int]) -> Votes:
    """Mean of :func:`vote` on a photo and on its mirror image, mirrored back, sides swapped."""
    mirrored = vote(network, np.ascontiguousarray(rgb[:, ::-1]))[list(mirrored_ids)]
    return np.asarray((vote(network, rgb) + mirrored[:, :, ::-1]) / 2)


def decide(votes: Votes, min_share: float) -> Bytes:
    """The best label of every pixel, (H, W) uint8.

    A person's pixel whose best label has less than ``min_share`` of the votes is 255; background is
    decided against all the labels together, so that the person's outline is whole.
    """
    best = votes[1:].argmax(0).astype(np.uint8) + np.uint8(1)
    doubted = votes[1:].max(0) < min_share
    person = votes[0] < 0.5
    return np.asarray(np.where(person, np.where(doubted, IGNORE, best), 0), np.uint8)


def settle_sides(votes: Votes, pairs: Sequence[tuple[int, int]]) -> Votes:
    """Give the votes of both sides of a limb or shoe to the better one.

    That it is a shoe is then not in doubt where only its side is.
    """
    settled = votes.copy()
    for one, other in pairs:
        both, first = votes[one] + votes[other], votes[one] >= votes[other]
        settled[one], settled[other] = both * first, both * ~first
    return settled


def shows_one_person(labels: Bytes) -> bool:
    """Whether all but scraps of what is not background hangs together."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((labels > 0).astype(np.uint8))
    if count < 2:
        return False
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    return bool(areas[1:].sum() <= _LARGEST_OTHER * areas[0])


def label_folder(
    network: FastM2FP, photos: Path, target: Path, min_share: float
) -> tuple[int, int]:
    """Label all ``*.jpg`` of a folder.

    Returns:
        How many were written, and how many were left out because they show nobody or several.
    """
    mirrored = network.config.labels.mirrored_ids()[: network.config.num_parsing]
    pairs = network.config.labels.side_pairs()
    (target / "photos").mkdir(parents=True, exist_ok=True)
    (target / "labels").mkdir(exist_ok=True)
    kept = dropped = 0
    for path in sorted(photos.glob("*.jpg")):
        rgb = np.asarray(Image.open(path).convert("RGB"))
        votes = settle_sides(vote_both_ways(network, rgb, mirrored), pairs)
        labels = decide(votes, min_share)
        if not shows_one_person(labels):
            dropped += 1
            continue
        sided = assign_sides(labels, pairs)  # as the labelled photos' sides were made
        Image.fromarray(sided).save(target / "labels" / f"{path.stem}.png")
        (target / "photos" / path.name).write_bytes(path.read_bytes())
        kept += 1
    return kept, dropped


def main() -> None:
    """Parse the command line and label."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of *.jpg, one person each")
    parser.add_argument("--out", type=Path, required=True, help="gets photos/ and labels/")
    parser.add_argument("--model", default="starter", help="name or folder of the model")
    parser.add_argument("--min-share", type=float, default=0.5, help="of the votes, or it is 255")
    arguments = parser.parse_args()
    network = HumanParser(arguments.model, precision="auto").network
    kept, dropped = label_folder(network, arguments.photos, arguments.out, arguments.min_share)
    print(f"{counted(kept, 'photo')} labelled, {dropped} left out (nobody, or several people)")


if __name__ == "__main__":
    main()
