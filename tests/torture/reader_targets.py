"""The readers of strangers' data: what is read, with what it begins, and what may come out."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.torch import save_file

from m2fp_cli.batch.history import manifest_name, read_history
from m2fp_cli.batch.lock import hold_output, who_holds
from m2fp_cli.batch.written import written_files
from m2fp_cli.commands.status import read_status
from m2fp_cli.errors import M2fpError
from m2fp_cli.evaluation.dataset import LabelledPhoto, read_truth
from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.encoding import encode_palette_png
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.layout import JOBS, preview_name
from m2fp_cli.models.weights import load_weights, read_shapes, verify_weights
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.records.document import read_document
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.palette import Palette, load_scheme
from m2fp_cli.render.maps import read_label_map, read_labels, read_result_maps
from m2fp_cli.render.previews import encode_preview, make_preview, read_preview
from m2fp_cli.render.report import PageBuilder, ParseFacts
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import say
from m2fp_cli.tryon.catalog import accessories_folder, load_item, read_item
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kinds import KIND_NAMES
from tests.support.family import small_document
from tests.support.hostile_pictures import hostile_files
from tests.support.icc import matrix_profile
from tests.support.parsed_tree import make_tree
from tests.support.picture_bytes import encoded, photo_rgb, png_chunk, tiff_ifd
from tests.torture.mutations import damaged_bytes, hostile_documents


@dataclass(frozen=True)
class Reader:
    """A reader and what it is fed with.

    Attributes:
        read: reads bytes, from a file if need be.
        valid: bytes that it must read.
        data: damaged and hostile bytes.
        may_raise: what it promises to raise besides ``M2fpError``.
    """

    read: Callable[[bytes], Any]
    valid: tuple[bytes, ...]
    data: st.SearchStrategy[bytes]
    may_raise: tuple[type[Exception], ...] = ()


MakeReader = Callable[[Path, Path], Reader]


def _results(folder: Path, _model: Path) -> Reader:
    """The JSON document of a photo, as ``load_result`` and the pictures read it."""
    _, output = make_tree(folder, keys=("a",), save=("labels", "people", "masks", "json"))
    path = output / "results" / "a.json"
    valid = path.read_bytes()
    for name in ("labels/a.png", "people/a.png"):
        (output / name).unlink()  # the maps are then made from the document
    tree = OutputTree(output)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        ways = (
            lambda: read_document(data),
            lambda: read_labels(tree, "a"),
            lambda: make_preview(tree, "a", None, read_result_maps(tree, "a"), side=64),
        )
        errors = [error for way in ways if (error := _promised_error(way)) is not None]
        if errors:
            raise errors[0]

    return Reader(read, (valid,), hostile_documents(json.loads(valid)), (ValueError,))


def _promised_error(read: Callable[[], Any]) -> Exception | None:
    """The error of a reader that it may raise."""
    try:
        read()
    except (M2fpError, ValueError) as error:
        return error
    return None


def _manifests(folder: Path, _model: Path) -> Reader:
    """Manifests of every job, as status, resume and the scan read them."""
    _, output = make_tree(folder, keys=("a", "b"), failed=("c",))
    lines = (output / manifest_name("parse")).read_bytes().splitlines()
    documents = tuple(json.loads(line) for line in lines)
    documents += ({"v": 2, "run": "x", "claims": ["a", "b"]}, {"v": 2, "run": "x", "end": True})
    tree = OutputTree(output)

    def read(data: bytes) -> None:
        for job in JOBS:
            (output / manifest_name(job)).write_bytes(data)
            status = read_status(tree, job)
            history = read_history(tree, job)
            history.left()
            shown = io.StringIO()
            say("\n".join(status.lines() if status else []), stream=shown)
            json.loads("".join(status.json_text() if status else ["{}"]))
            raw = shown.getvalue().replace("\n", "")
            assert raw.isprintable(), f"status prints {raw!r}"
        written_files(output)
        find_parsed(output)

    text = b"\n".join(lines) + b"\n"
    some = st.lists(hostile_documents(*documents), min_size=1, max_size=5).map(b"\n".join)
    return Reader(read, (text,), some | damaged_bytes((text,)))


def _lock_card(folder: Path, _model: Path) -> Reader:
    """The card that the holder of an output leaves."""
    output = folder / "out"
    tree = OutputTree(output, create=True)
    card = {"pid": 1, "host": "here", "since": "2026-01-01 00:00:00", "shard": "1/2"}
    path = output / ".m2fp" / "lock"
    path.parent.mkdir()

    def read(data: bytes) -> None:
        path.write_bytes(b"")
        with hold_output(tree):
            path.write_bytes(data)
            who = who_holds(tree)
            assert who.isprintable(), f"prints {who!r}"
            assert who, "nobody holds it"
        path.write_bytes(data)
        with hold_output(tree):
            pass

    return Reader(read, (json.dumps(card).encode(),), hostile_documents(card))


def _accessories(folder: Path, _model: Path) -> Reader:
    """The JSON beside an accessory's picture."""
    paths = sorted(accessories_folder().glob("*.json"))
    documents = [json.loads(path.read_bytes()) for path in paths]
    shutil.copy(accessories_folder() / "fedora.png", folder / "x.png")
    valid = (accessories_folder() / "fedora.json").read_bytes()

    def read(data: bytes) -> None:
        (folder / "x.json").write_bytes(data)
        find_faults(load_item(str(folder / "x.png"), "hat"))  # type: ignore[arg-type]

    return Reader(read, (valid,), hostile_documents(*documents))


def _accessory_pictures(folder: Path, _model: Path) -> Reader:
    """An accessory's picture, from a file and uploaded."""
    rgba = np.dstack([photo_rgb(128, 128), np.full((128, 128), 255, np.uint8)])
    rgba[:20, :, 3] = rgba[50:100, 30:98, 3] = 0  # room for a neck
    files = tuple(encoded(rgba, fmt) for fmt in ("PNG", "WEBP", "TIFF"))

    def read(data: bytes) -> None:
        (folder / "x.png").write_bytes(data)
        for kind in KIND_NAMES:
            read_item(data, kind)
            load_item(str(folder / "x.png"), kind)

    return Reader(read, files, damaged_bytes(files))


def _palettes(folder: Path, _model: Path) -> Reader:
    """A palette file."""
    document = {"Hair": [255, 0, 0], "Face": "#00ff00", "Pants": [1, 2, 3]}
    path = folder / "palette.json"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        Palette.for_labels(CIHP, load_scheme(str(path), CIHP))

    return Reader(read, (json.dumps(document).encode(),), hostile_documents(document))


def _configurations(folder: Path, model: Path) -> Reader:
    """``configuration.json``, up to the network that it describes."""
    shutil.copytree(model, folder / "model")
    path = folder / "model" / "configuration.json"
    document = json.loads(path.read_bytes())

    def read(data: bytes) -> None:
        path.write_bytes(data)
        build_network(folder / "model", read_config(folder / "model"))

    both = hostile_documents(document, small_document())
    return Reader(read, (json.dumps(document).encode(),), both)


def _safetensors(folder: Path, _model: Path) -> Reader:
    """Weights in safetensors."""
    tensors = {"a.weight": torch.ones(3, 4), "b": torch.zeros(2, dtype=torch.int64)}
    path = folder / "model.safetensors"
    save_file(tensors, path)
    valid = path.read_bytes()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        read_shapes(folder)
        verify_weights(folder)
        load_weights(folder)

    return Reader(read, (valid,), damaged_bytes((valid,)) | _safetensors_heads())


def _safetensors_heads() -> st.SearchStrategy[bytes]:
    """A head of any JSON, with its length in front."""
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    head = {"a": entry, "__metadata__": {"format": "pt"}}
    return hostile_documents(head).map(
        lambda text: len(text).to_bytes(8, "little") + text + bytes(16)
    )


def _checkpoints(folder: Path, _model: Path) -> Reader:
    """Weights as ``torch.save`` writes them, zip and older, and pickles of all kinds."""
    state = {"model": {"a.weight": torch.ones(3, 4), "b": torch.zeros(2, dtype=torch.int64)}}
    zipped, older = io.BytesIO(), io.BytesIO()
    torch.save(state, zipped)
    torch.save(state, older, _use_new_zipfile_serialization=False)
    files = (zipped.getvalue(), older.getvalue())
    bombs = tuple(pickle.dumps(one, protocol=2) for one in ({}, [1], "x", {"model": {"a": 1}}))

    def read(data: bytes) -> None:
        (folder / "pytorch_model.pt").write_bytes(data)
        read_shapes(folder)
        load_weights(folder)

    return Reader(read, files, damaged_bytes((*files, *files, *bombs)))


def _maps(folder: Path, _model: Path) -> Reader:
    """Label and person maps: our own beside a result, another tool's, a data set's."""
    _, output = make_tree(folder, keys=("a",))
    tree = OutputTree(output)
    ids = (np.arange(120 * 160).reshape(120, 160) % 20).astype(np.uint8)
    files = (
        (output / "labels" / "a.png").read_bytes(),
        (output / "people" / "a.png").read_bytes(),
        encode_palette_png(ids, Palette.for_labels(CIHP).colors_rgb),
        encoded(ids, "PNG"),
        encoded(ids.astype(np.uint16), "PNG"),
    )
    truth = LabelledPhoto("a", folder / "a.png", folder / "x.png", folder / "x.png")

    def read(data: bytes) -> None:
        for name in ("labels", "people"):
            (output / name / "a.png").write_bytes(data)
        (folder / "x.png").write_bytes(data)
        read_label_map(folder / "x.png", CIHP)
        read_truth(truth, CIHP)
        read_result_maps(tree, "a")

    return Reader(read, files[:1], damaged_bytes(files))


def _photos(_folder: Path, _model: Path) -> Reader:
    """Photos, from memory; the section ``corpus`` has them go through the pool."""
    files = tuple(one.data for one in hostile_files() if len(one.data) < 100_000)
    photo = encoded(photo_rgb(48, 64), "JPEG")
    data = damaged_bytes((photo, *files))
    return Reader(lambda one: decode_image(one, keep_original=True), (photo,), data)


def _photo_metadata(_folder: Path, _model: Path) -> Reader:
    """Whole pixels beside damaged metadata, whose checksums are right: pixels decide."""
    pixels = photo_rgb(32, 48)
    plain = {fmt: encoded(pixels, fmt) for fmt in ("JPEG", "PNG", "WEBP")}
    tags = [(0x0112, 3, 1, 6), (0x011A, 5, 1, 38), (0x0132, 2, 20, 60), (0x8769, 4, 1, 26)]
    exif = (tiff_ifd(tags), tiff_ifd(tags, big_endian=True))
    profile = matrix_profile(((0.5, 0.2, 0.0), (0.3, 0.7, 0.1), (0.15, 0.1, 0.7))).data
    sources = (*exif, profile, b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', bytes(9))

    def read(data: bytes) -> None:
        for picture in _pictures_with(data, plain):
            hw = decode_image(picture, keep_original=True).image_hw
            assert sorted(hw) == [32, 48], f"a size of {hw}"

    return Reader(read, exif, damaged_bytes(sources))


def _pictures_with(content: bytes, plain: Mapping[str, bytes]) -> Iterator[bytes]:
    """Pictures whose every kind of metadata is this."""
    content = content[:60_000]
    start, rest = plain["JPEG"][:2], plain["JPEG"][2:]
    for marker, head in (
        (0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xE2, b"ICC_PROFILE\0\1\1"), (0xE2, b"MPF\0"), (0xED, b"Photoshop 3.0\0"), (0xFE, b""),
    ):  # fmt: skip
        body = head + content
        yield start + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + rest
    head, rest = plain["PNG"][:33], plain["PNG"][33:]
    packed = zlib.compress(content)
    for kind, body in (
        (b"eXIf", content), (b"iCCP", b"x\0\0" + packed), (b"iCCP", content),
        (b"pHYs", content[:9]), (b"tEXt", b"Comment\0" + content), (b"zTXt", b"x\0\0" + packed),
        (b"iTXt", content), (b"gAMA", content[:4]), (b"cHRM", content[:32]), (b"sRGB", content[:1]),
        (b"tIME", content[:7]), (b"zTXt", b"Raw profile type exif\0\0" + packed),
    ):  # fmt: skip
        yield head + png_chunk(kind, body) + rest
    picture = plain["WEBP"]
    for kind in (b"EXIF", b"XMP ", b"ICCP"):
        chunk = kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
        yield b"RIFF" + (len(picture) - 8 + len(chunk)).to_bytes(4, "little") + picture[8:] + chunk


def _previews(folder: Path, _model: Path) -> Reader:
    """Previews that an earlier ``m2fp report`` has left, up to the page."""
    _, output = make_tree(folder, keys=("a",))
    tree = OutputTree(output)
    preview = make_preview(tree, "a", None, read_result_maps(tree, "a"), side=64)
    valid = encode_preview(preview)
    path = output / preview_name("a")
    path.parent.mkdir(parents=True)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        page = PageBuilder("x")
        page.add_photo("a", read_preview(tree, "a"), 1.0)
        text = page.render(ParseFacts(), left_out=0)
        assert "<script>alert" not in text, "a script of a preview runs in the page"

    return Reader(read, (valid,), hostile_documents(json.loads(valid)))


READERS: dict[str, MakeReader] = {
    "results": _results,
    "manifests": _manifests,
    "lock_card": _lock_card,
    "accessories": _accessories,
    "accessory_pictures": _accessory_pictures,
    "palettes": _palettes,
    "configurations": _configurations,
    "safetensors": _safetensors,
    "checkpoints": _checkpoints,
    "maps": _maps,
    "photos": _photos,
    "photo_metadata": _photo_metadata,
    "previews": _previews,
}
"""Every reader by its name."""
