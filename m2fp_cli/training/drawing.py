"""Draws single photos for scenes: which one, mirrored or not, whose parts are believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from m2fp_cli.training.dataset import SOMEBODY, Bytes, LabelledPhoto
from m2fp_cli.training.sources import Pool

Rng = np.random.Generator


class Drawer(Protocol):
    """What scenes are made of."""

    def whole(self, rng: Rng) -> LabelledPhoto:
        """A photo to show as it is."""

    def cut_out(self, rng: Rng) -> LabelledPhoto:
        """A photo whose people may be cut out."""

    def empty(self, rng: Rng) -> LabelledPhoto | None:
        """A photo without anybody; None = there is none."""


class EvenDrawer:
    """Every photo of a list equally often."""

    def __init__(self, photos: Sequence[LabelledPhoto], mirrored_ids: Sequence[int]) -> None:
        """Keep the photos; ``mirrored_ids`` = of every label, the one it is when mirrored."""
        self.photos, self.table = photos, _mirror_table(mirrored_ids)

    def whole(self, rng: Rng) -> LabelledPhoto:
        """One photo, mirrored half of the time."""
        photo = self.photos[int(rng.integers(len(self.photos)))]
        return photo if rng.random() < 0.5 else _mirror(photo, self.table)

    def cut_out(self, rng: Rng) -> LabelledPhoto:
        """The same as :meth:`whole`."""
        return self.whole(rng)

    def empty(self, rng: Rng) -> LabelledPhoto | None:
        """None."""
        return None


class PoolDrawer:
    """Photos of several sources, each as often as its share says."""

    def __init__(self, pools: Sequence[Pool], mirrored_ids: Sequence[int], height: int) -> None:
        """Keep the pools; photos are scaled down to ``height`` rows."""
        self.table, self.height = _mirror_table(mirrored_ids), height
        self.whole_pools = [p for p in pools if p.source.labels is not None]
        self.cut_out_pools = [p for p in self.whole_pools if p.source.cut_out]
        self.empty_pools = [p for p in pools if p.source.labels is None]

    def whole(self, rng: Rng) -> LabelledPhoto:
        """One photo, mirrored half of the time."""
        return self._draw(rng, self.whole_pools)

    def cut_out(self, rng: Rng) -> LabelledPhoto:
        """One photo of a source whose people may be cut out."""
        return self._draw(rng, self.cut_out_pools)

    def empty(self, rng: Rng) -> LabelledPhoto | None:
        """One photo without anybody, where a source has such photos."""
        return self._draw(rng, self.empty_pools) if self.empty_pools else None

    def _draw(self, rng: Rng, pools: Sequence[Pool]) -> LabelledPhoto:
        shares = np.cumsum([pool.source.share for pool in pools])
        pool = pools[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]
        index = int(np.searchsorted(pool.cumulative, rng.random() * pool.cumulative[-1]))
        photo = pool.photos[min(index, len(pool.photos) - 1)].decode(self.height)
        if rng.random() >= pool.source.parts:
            photo = _forget_parts(photo)
        return photo if rng.random() < 0.5 else _mirror(photo, self.table)


def _mirror_table(mirrored_ids: Sequence[int]) -> Bytes:
    table = np.arange(256, dtype=np.uint8)
    table[: len(mirrored_ids)] = mirrored_ids
    return table


def _mirror(photo: LabelledPhoto, table: Bytes) -> LabelledPhoto:
    """The mirrored photo, left and right labels swapped."""
    rgb, labels, people = (
        np.asarray(cv2.flip(plane, 1), np.uint8)
        for plane in (photo.rgb, cv2.LUT(photo.labels, table), photo.people)
    )
    return LabelledPhoto(photo.name, rgb, labels, people)


def _forget_parts(photo: LabelledPhoto) -> LabelledPhoto:
    """The photo with people whose parts are unknown."""
    person = (photo.labels > 0) & (photo.labels < SOMEBODY)
    labels = np.where(person, np.uint8(SOMEBODY), photo.labels)
    return LabelledPhoto(photo.name, photo.rgb, labels, photo.people)
