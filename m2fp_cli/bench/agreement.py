"""Whether two engines gave the same answer about a photo, and how far apart they are if not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import counted


@dataclass(frozen=True)
class Agreement:
    """How far two answers about one photo agree.

    Attributes:
        label_map: share of pixels with the same label.
        instances: number of instances of each, ours first.
        matched: instances of theirs for which one of ours has the same label and IoU over 0.5.
        score_difference: largest difference of score among matched ones.
        mask_agreement: lowest share of equal pixels among matched ones.
    """

    label_map: float
    instances: tuple[int, int]
    matched: int
    score_difference: float
    mask_agreement: float

    def line(self) -> str:
        """One line for a person."""
        return (
            f"same labels on {self.label_map:.2%} of pixels, {self.matched} of "
            f"{counted(self.instances[1], 'instance')}, scores within "
            f"{self.score_difference:.0e}, masks at least "
            f"{self.mask_agreement:.2%} equal"
        )


def write_answer(path: Path, result: ParsingResult) -> None:
    """Write what is compared: label map, labels with scores, packed masks."""
    masks = {str(i): np.packbits(one.mask.full()) for i, one in enumerate(result.instances)}
    labels = np.array([(one.label_id, one.score) for one in result.instances])
    np.savez(path, semantic_map=result.semantic_map, labels=labels, **masks)


def answer_digest(result: ParsingResult) -> str:
    """SHA-256 of the label map, shortened: two runs with the same one saw the same thing."""
    return hashlib.sha256(np.ascontiguousarray(result.semantic_map).tobytes()).hexdigest()[:16]


def compare_answers(ours: Path, theirs: Path) -> Agreement:
    """Compare what two engines wrote about the same photo."""
    one, other = _read_answer(ours), _read_answer(theirs)
    pixels = one.semantic_map.size
    matched, score_difference, mask_agreement = 0, 0.0, 1.0
    for (label, score), mask in zip(other.labels, other.masks, strict=True):
        best = _best_match(label, score, mask, one)
        if best is None:
            continue
        index, differing = best
        matched += 1
        score_difference = max(score_difference, abs(float(one.labels[index, 1] - score)))
        mask_agreement = min(mask_agreement, 1 - differing / pixels)
    return Agreement(
        label_map=float(np.mean(one.semantic_map == other.semantic_map)),
        instances=(len(one.labels), len(other.labels)),
        matched=matched,
        score_difference=score_difference,
        mask_agreement=mask_agreement,
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    """One answer as written: labels (N, 2) of id and score, masks (N, bytes) packed bits."""

    semantic_map: NDArray[np.uint8]
    labels: NDArray[np.float64]
    masks: NDArray[np.uint8]


def _read_answer(path: Path) -> _Answer:
    with np.load(path) as stored:
        labels = stored["labels"].reshape(-1, 2)
        masks = [stored[str(i)] for i in range(len(labels))]
        packed = np.stack(masks) if masks else np.zeros((0, 1), np.uint8)
        return _Answer(stored["semantic_map"], labels, packed)


def _best_match(
    label: float, score: float, mask: NDArray[np.uint8], among: _Answer
) -> tuple[int, int] | None:
    """Index of the instance of the same label with the most similar mask, and differing pixels."""
    best: tuple[float, int, int] | None = None
    for index in np.flatnonzero(among.labels[:, 0] == label):
        differing = int(np.unpackbits(mask ^ among.masks[index]).sum())
        union = int(np.unpackbits(mask | among.masks[index]).sum())
        if union and 1 - differing / union > 0.5:
            rank = differing / union + abs(float(among.labels[index, 1]) - score)
            if best is None or rank < best[0]:
                best = (rank, int(index), differing)
    return None if best is None else best[1:]
