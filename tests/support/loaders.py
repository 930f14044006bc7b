"""Readers of try-on data sets, written from the formats' descriptions."""

from __future__ import annotations

import json
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
    pose: Any = None
    skeleton: Any = None


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


def load_openpose(path: Path) -> NDArray[np.float64] | None:
    """x and y of 25 joints of the first person, as HR-VITON takes them; None without people."""
    people = json.loads(path.read_text())["people"]
    if not people:
        return None
    return np.array(people[0]["pose_keypoints_2d"]).reshape((-1, 3))[:, :2]


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
                load_openpose(folder / "openpose_json" / name.replace(".jpg", "_keypoints.json")),
                load(folder / "openpose_img" / name.replace(".jpg", "_rendered.png"), "RGB", size),
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
    """DressCode's: ``_0`` the person, ``_4`` the ATR label map, ``_2`` joints in pixels of 384x512,
    at most 1 where they are missing, ``_5`` their picture; CatVTON's agnostic_masks.
    """
    folder, size = root / category, (768, 1024)
    return [
        Sample(
            name,
            cloth,
            load(folder / "images" / name, "RGB", size),
            load(folder / "agnostic_masks" / name.replace(".jpg", ".png"), "L", size),
            load(folder / "label_maps" / name.replace("_0", "_4").replace("jpg", "png"), "P", size),
            pose=np.array(
                json.loads((folder / "keypoints" / name.replace("_0.jpg", "_2.json")).read_text())[
                    "keypoints"
                ]
            ).reshape((-1, 4)),
            skeleton=load(folder / "skeletons" / name.replace("_0", "_5"), "RGB", size),
        )
        for name, cloth in read_pairs(folder / f"test_pairs_{order}.txt")
    ]
