"""Readers of try-on data sets, written from the formats' descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, eq=False)
class Sample:
    name: str
    cloth: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    parse: Any = None
    parse_agnostic: Any = None
    agnostic: Any = None


def read_pairs(path: Path) -> list[tuple[str, str]]:
    pairs = []
    for line in path.read_text().splitlines():
        person, cloth = line.strip().split()
        pairs.append((person, cloth))
    return pairs


def load(path: Path, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert (image.mode, image.size) == (mode, size), path
        return np.array(image)


def load_viton_hd(root: Path, split: str = "test", size=(768, 1024)) -> list[Sample]:
    """HR-VITON's names: image-parse-v3 and so on; pixel of a parse = CIHP id, mode P."""
    folder, samples = root / split, []
    for name, cloth in read_pairs(root / f"{split}_pairs.txt"):
        png = name.replace(".jpg", ".png")
        samples.append(
            Sample(
                name,
                cloth,
                load(folder / "image" / name, "RGB", size),
                load(folder / "agnostic-mask" / name.replace(".jpg", "_mask.png"), "L", size),
                load(folder / "image-parse-v3" / png, "P", size),
                load(folder / "image-parse-agnostic-v3.2" / png, "P", size),
                load(folder / "agnostic-v3.2" / name, "RGB", size),
            )
        )
    return samples


def load_inpainting(root: Path, pairs: str, split: str = "test") -> list[Sample]:
    """IDM-VTON's and CatVTON's: picture and mask, by a list of pairs."""
    size = (768, 1024)
    return [
        Sample(
            name,
            cloth,
            load(root / split / "image" / name, "RGB", size),
            load(root / split / "agnostic-mask" / name.replace(".jpg", "_mask.png"), "L", size),
        )
        for name, cloth in read_pairs(root / pairs)
    ]


def load_dresscode(root: Path, category: str, order: str = "unpaired") -> list[Sample]:
    """DressCode's: ``_0`` the person, ``_4`` the ATR label map; CatVTON's agnostic_masks."""
    folder, size = root / category, (768, 1024)
    return [
        Sample(
            name,
            cloth,
            load(folder / "images" / name, "RGB", size),
            load(folder / "agnostic_masks" / name.replace(".jpg", ".png"), "L", size),
            load(folder / "label_maps" / name.replace("_0", "_4").replace("jpg", "png"), "P", size),
        )
        for name, cloth in read_pairs(folder / f"test_pairs_{order}.txt")
    ]
