"""Batches in the background: the same number always gives the same sample, so a run can resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from m2fp_cli.training.compose import SceneComposer
from m2fp_cli.training.dataset import IGNORE, Bytes
from m2fp_cli.training.photometry import change_appearance
from m2fp_cli.training.ranks import Ranks

# ModelScope's M2FP subtracts and divides by these, RGB.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
TARGET_STRIDE = 4
_SMALLEST_PERSON = 12  # pixels of the target map below which it does not matter who is found

Sample = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        images: (N, 3, H, W) float32, normalized RGB.
        labels: (N, H/4, W/4) int64, 255 = unknown, 254 = somebody, part unknown.
        people: per scene (K, H/4, W/4) float32 masks of its K visible people; K may be 0.
        known: (N, H/4, W/4) bool, where it is known which person is there, or that nobody is.
    """

    images: Tensor
    labels: Tensor
    people: list[Tensor]
    known: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        people = [masks.to(device) for masks in self.people]
        images, labels, known = (x.to(device) for x in (self.images, self.labels, self.known))
        return Batch(images, labels, people, known)


class SceneSamples(Dataset[Sample]):
    """Sample ``i`` of a seed; there is no end to them."""

    def __init__(
        self, composer: SceneComposer, size_hw: tuple[int, int], seed: int, batch: int
    ) -> None:
        """Scenes of ``size_hw``, multiples of 32; every second batch is turned by 90 degrees."""
        self.composer, self.size_hw, self.seed = composer, size_hw, seed
        self.batch = batch

    def __getitem__(self, index: int) -> Sample:
        """Image (H, W, 3), labels and people (H/4, W/4), all uint8."""
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self.seed, index))
        size_hw = self.size_hw[::-1] if index // self.batch % 2 else self.size_hw
        scene = self.composer.draw(rng, (size_hw[0], size_hw[1]))
        rgb = change_appearance(scene.rgb, rng)
        labels, people = scene.labels, scene.people
        if rng.random() < 0.2:
            rgb, labels, people = _pad_border(rgb, labels, people, rng)
        center = slice(TARGET_STRIDE // 2, None, TARGET_STRIDE)
        return (
            torch.from_numpy(np.ascontiguousarray(rgb)),
            torch.from_numpy(labels[center, center].copy()),
            torch.from_numpy(people[center, center].copy()),
        )


def _pad_border(
    rgb: Bytes, labels: Bytes, people: Bytes, rng: np.random.Generator
) -> tuple[Bytes, Bytes, Bytes]:
    """Blank a strip at the right or bottom, as padding to a multiple of 32 does in use."""
    rgb, labels, people = rgb.copy(), labels.copy(), people.copy()
    width = int(rng.integers(1, 32))
    strip = np.s_[:, -width:] if rng.random() < 0.5 else np.s_[-width:, :]
    rgb[strip] = np.round(PIXEL_MEAN)
    labels[strip] = IGNORE
    people[strip] = 0
    return rgb, labels, people


class _Numbers:
    """Sample numbers of the batches from ``first`` on, ``count`` of them."""

    def __init__(self, first: int, count: int, batch: int, ranks: Ranks) -> None:
        self.first, self.count, self.batch, self.ranks = first, count, batch, ranks

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.first, self.first + self.count):
            numbers = range(step * self.batch, (step + 1) * self.batch)
            yield list(numbers[self.ranks.rank :: self.ranks.size])

    def __len__(self) -> int:
        return self.count


def load_batches(
    samples: SceneSamples, first_step: int, count: int, workers: int, ranks: Ranks, most_people: int
) -> Iterator[Batch]:
    """This process's share of the batches ``first_step`` to ``first_step + count``, made ahead.

    ``most_people`` is how many a scene may ask for: the model's person queries.
    """
    loader = DataLoader(
        samples, batch_sampler=_Numbers(first_step, count, samples.batch, ranks),
        num_workers=workers, worker_init_fn=_start_worker,
    )  # fmt: skip
    for images, labels, people in loader:
        masks, known = zip(*(person_masks(p, most_people) for p in people), strict=True)
        yield Batch(normalize(images), labels.long(), list(masks), torch.stack(known))


def _start_worker(_index: int) -> None:
    torch.set_num_threads(1)


def normalize(images: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 RGB to (N, 3, H, W) float32, channels last in memory."""
    mean = torch.tensor(PIXEL_MEAN, device=images.device)
    std = torch.tensor(PIXEL_STD, device=images.device)
    normalized: Tensor = (images.float() - mean) / std
    planes: Tensor = normalized.permute(0, 3, 1, 2)
    return planes


def person_masks(people: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Person ids, 255 = unknown, as masks.

    Args:
        people: (h, w) uint8.
        most: people asked for; if there are more, the largest.

    Returns:
        (K, h, w) float32 masks of those large enough to be seen, and (h, w) bool, False where
        there is one of the others or nobody knows.
    """
    ids, sizes = people.unique(return_counts=True)
    person = (ids > 0) & (ids < IGNORE)
    large = ids[person & (sizes >= _SMALLEST_PERSON)]
    if len(large) > most:
        order = sizes[torch.isin(ids, large)].argsort(descending=True, stable=True)
        large = large[order[:most]]
    masks: Tensor = torch.eq(people[None], large[:, None, None]).float()
    unknown = torch.isin(people, ids[(ids > 0) & ~torch.isin(ids, large)])
    return masks, ~unknown
