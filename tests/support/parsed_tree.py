"""An output folder as ``m2fp parse`` leaves it, drawn instead of parsed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.batch.history import manifest_name
from m2fp_cli.batch.manifest import ManifestWriter
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.stamps import digest_file, stamp_files
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.layout import DEFAULT_SAVE
from m2fp_cli.records.document import Provenance
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_group

HAIR, FACE, UPPER, PANTS = (CIHP.id_of(n) for n in ("Hair", "Face", "UpperClothes", "Pants"))
PHOTO_HW = (120, 160)


def two_people(hw: tuple[int, int] = PHOTO_HW) -> ParsingResult:
    """Two people side by side: hair, face, upper clothes, trousers from top to bottom."""
    height, width = hw
    semantic, person = np.zeros(hw, np.uint8), np.zeros(hw, np.uint16)
    for number, center in enumerate((0.3, 0.7), start=1):
        columns = slice(round(width * (center - 0.1)), round(width * (center + 0.1)))
        for label, top, bottom in (
            (HAIR, 0.1, 0.2),
            (FACE, 0.2, 0.35),
            (UPPER, 0.35, 0.6),
            (PANTS, 0.6, 0.9),
        ):
            semantic[round(height * top) : round(height * bottom), columns] = label
        person[round(height * 0.1) : round(height * 0.9), columns] = number
    result = result_from_maps(CIHP, semantic, person)
    scored = (
        replace(
            one,
            score=0.9 - 0.1 * one.person_id,
            parts=tuple(replace(part, score=part.label_id / 100) for part in one.parts),
        )
        for one in result.people
    )
    return replace(result, people=tuple(scored))


def noise_photo(hw: tuple[int, int] = PHOTO_HW, seed: int = 0) -> NDArray[np.uint8]:
    """A photo of coarse noise, (H, W, 3) uint8 RGB."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(hw[::-1], Image.Resampling.BILINEAR))


def make_tree(
    root: Path,
    keys: tuple[str, ...] = ("a", "sub/b"),
    *,
    failed: tuple[str, ...] = (),
    hw: tuple[int, int] = PHOTO_HW,
    save: tuple[str, ...] = DEFAULT_SAVE,
) -> tuple[Path, Path]:
    """Photos and their results.

    Returns:
        the folder of the photos and the output folder.
    """
    photos, output = root / "photos", root / "m2fp-out"
    result = two_people(hw)
    tree = OutputTree(output, create=True)
    manifest = ManifestWriter(tree, manifest_name("parse"))
    manifest.start({"model": "drawn"}, len(keys) + len(failed), len(keys) + len(failed))
    for seed, key in enumerate(keys):
        photo = photos / f"{key}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise_photo(hw, seed)).save(photo)
        digest = digest_file(photo)
        size = photo.stat().st_size
        provenance = Provenance(
            f"{key}.png", size, digest, 1, "drawn", "0" * 64, "fast", False, 0.1
        )
        parsed = ParsedPhoto(noise_photo(hw, seed)[:, :, ::-1], result, provenance)
        files = encode_outputs(parsed, key, save)
        write_group(tree, files)
        names = tuple(name for name, _ in files)
        seconds = PhotoSeconds(read=0.01, network=0.2 + seed / 10, write=0.01)
        report = ImageReport(
            str(photo),
            key,
            Status.DONE,
            hw,
            len(result.people),
            seconds,
            files=names,
            photo=digest,
        )
        manifest.add(report, stamp_files([photo], checksum=True), "drawn")
    for key in failed:
        report = ImageReport(
            str(photos / f"{key}.png"), key, Status.FAILED, reason="corrupt", message="is cut short"
        )
        manifest.add(report, (), "drawn")
    manifest.close()
    return photos, output
