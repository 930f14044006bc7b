"""Where a recipe's photos come from: folders, how often each is drawn, who is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import (
    StoredPhoto,
    count_labels,
    find_names,
    hash_files,
    rarity_weights,
    split_names,
    store_photo,
)


@dataclass(frozen=True)
class Source:
    """One folder of labelled photos.

    Attributes:
        folder: below one of the roots that the command line gives.
        share: how often it is drawn; shares need not sum to 1.
        labels: the folder beside ``photos`` that holds the labels; None = nobody is in the photos.
        held_out: who is never learned from: ``eighths`` (see :func:`dataset.split_names`), the name
            of a file in the folder with one photo's name a line, or ``none``.
        fold: also keep every so-manieth of the others for choices: 5 = a fifth of them; 0 = none.
        parts: in this share of the draws the labels of parts are believed; in the others a person's
            pixels are somebody's. For labels that are guesses.
        cut_out: people of it may be cut out and pasted elsewhere.
    """

    folder: str
    share: float = 1.0
    labels: str | None = "labels"
    held_out: str = "eighths"
    fold: int = 0
    parts: float = 1.0
    cut_out: bool = True

    def __post_init__(self) -> None:
        """Check the fold.

        Raises:
            ValueError: it would keep every photo, or is no whole number.
        """
        if isinstance(self.fold, bool) or self.fold < 0 or self.fold == 1:
            raise ValueError(f'{self.folder}: "fold" must be 0, or a whole number from 2 on')

    def find(self, roots: Sequence[Path]) -> Path:
        """The folder below the first root that has it.

        Raises:
            FileNotFoundError: no root has it.
        """
        for root in roots:
            if (root / self.folder / "photos").is_dir():
                return root / self.folder
        raise FileNotFoundError(f"no photos/ in {self.folder} below {', '.join(map(str, roots))}")

    def split(self, folder: Path) -> tuple[list[str], list[str], list[str]]:
        """Names that are (learned from, kept for choices, held out)."""
        names = find_names(folder, self.labels)
        if self.held_out == "eighths":
            names, held_out = split_names(names)
        elif self.held_out == "none":
            held_out = []
        else:
            listed = set((folder / self.held_out).read_text(encoding="utf-8").split())
            held_out = [name for name in names if name in listed]
            names = [name for name in names if name not in listed]
        chosen_by = names[:: self.fold] if self.fold else []
        return [name for name in names if name not in set(chosen_by)], chosen_by, held_out


@dataclass(frozen=True, eq=False)
class Pool:
    """The photos of one source that are learned from.

    Attributes:
        source: where they come from.
        photos: as bytes.
        cumulative: (len(photos),) running sum of how often each is drawn, ending at 1.
        frequencies: (num_labels,) share of every label among the known pixels.
    """

    source: Source
    photos: list[StoredPhoto]
    cumulative: NDArray[np.float64]
    frequencies: NDArray[np.float64]


def make_pool(source: Source, photos: list[StoredPhoto], num_labels: int) -> Pool:
    """Photos with how often each is drawn."""
    counts = count_labels(photos, num_labels)
    total = counts.sum(0)
    return Pool(source, photos, np.cumsum(rarity_weights(counts)), total / max(total.sum(), 1))


def read_pools(sources: Sequence[Source], roots: Sequence[Path], num_labels: int) -> list[Pool]:
    """The photos of all sources that are learned from."""
    pools = []
    for source in sources:
        folder = source.find(roots)
        names = source.split(folder)[0]
        photos = [store_photo(folder, name, source.labels) for name in names]
        pools.append(make_pool(source, photos, num_labels))
    return pools


def mean_frequencies(pools: Sequence[Pool]) -> NDArray[np.float64]:
    """Share of every label in what is drawn, (num_labels,) summing to 1."""
    mean = np.sum([pool.source.share * pool.frequencies for pool in pools], axis=0)
    return np.asarray(mean / mean.sum())


def describe_sources(sources: Sequence[Source], roots: Sequence[Path]) -> list[dict[str, object]]:
    """What was learned from, for a model's configuration: folders, counts and hashes."""
    described: list[dict[str, object]] = []
    for source in sources:
        folder = source.find(roots)
        names, _, held_out = source.split(folder)
        described.append(
            {
                "folder": source.folder,
                "photos": len(names),
                "photos_sha256": hash_files(folder, names, source.labels),
                "held_out": len(held_out),
                "held_out_sha256": hash_files(folder, held_out, source.labels),
            }
        )
    return described
