"""Decodes photos and label maps, with Pillow alone.

ModelScope's ``LoadImage`` uses Pillow too, so both see the same pixels; and Pillow raises an error
for a truncated file where OpenCV's ``imread`` fills the rest with grey. A decoder never gets a
path: it gets the bytes that ``inspect_image`` has checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.png import bit_depth
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.inspect import MAX_PIXELS, inspect_image
from m2fp_cli.imaging.reading import read_bytes

# Formats that Pillow reads only with another package: its modules, and the function to call.
_PLUGINS = {
    "AVIF": (("pillow_avif", None),),
    "HEIF": (("pillow_heif", "register_heif_opener"),),
}
_PIP_NAMES = {"AVIF": "pillow-avif-plugin", "HEIF": "pillow-heif"}
_SHOWN_NAMES = {"HEIF": "HEIC", "WEBP": "WebP"}


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A photo as an array.

    Attributes:
        image_bgr: (H, W, 3) uint8 BGR, C-contiguous, upright (the EXIF orientation is applied).
        format: as in ``ImageHeader``.
        orientation: the EXIF orientation that was applied, 1..8; 1 = none.
        size: bytes of the file.
        sha256: of these bytes, in hexadecimal.
    """

    image_bgr: npt.NDArray[np.uint8]
    format: str
    orientation: int
    size: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        """Check the array.

        Raises:
            ValueError: wrong shape, dtype or memory layout.
        """
        pixels = self.image_bgr
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"a photo is (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
        if not pixels.flags.c_contiguous:
            raise ValueError("a photo must be C-contiguous")

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of the upright photo."""
        return self.image_bgr.shape[0], self.image_bgr.shape[1]


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Read and decode one photo.

    Args:
        path: the file.
        max_pixels: largest allowed product of width and height.

    Raises:
        ImageError: see ``read_bytes`` and ``decode_image``.
    """
    return decode_image(read_bytes(path), max_pixels=max_pixels)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode a photo as the reference does: with its EXIF orientation applied, as RGB.

    The result equals ModelScope's ``exif_transpose(Image.open(...)).convert("RGB")``. Alpha is
    dropped and not composited, so a transparent pixel shows the colour that is stored in it; colour
    profiles are ignored; of an animation or several pages the first is decoded. One thing differs:
    16-bit grey keeps its high byte, where Pillow's conversion would clip nearly all to white.

    A truncated file is an error. A file that an encoder ended properly but with rows missing cannot
    be told from a picture with a plain lower half.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        The upright photo.

    Raises:
        ImageError: as ``inspect_image``; also ``corrupt`` if the pixels are damaged or incomplete,
            ``unsupported`` if the decoder is not installed or the pixels are floating point or 32
            bits deep, and ``out_of_memory``.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    with _opened(data, header, max_pixels) as image:
        image.load()
        # Pillow applies a TIFF's orientation while it loads it, and then forgets it.
        orientation = header.orientation if header.format == "TIFF" else _orientation(image)
        image_bgr = _to_bgr(_to_rgb(ImageOps.exif_transpose(image), header))
    digest = hashlib.sha256(data).hexdigest()
    return DecodedImage(image_bgr, header.format, orientation, len(data), digest)


def decode_map(data: bytes, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.integer[Any]]:
    """Decode a label or person map to ids, without colour conversion and EXIF orientation.

    Reads what ``encode_palette_png`` writes and what other tools write: palette PNG of any depth
    (the index is the id), grey PNG of 1 to 16 bits (the stored sample is the id), and RGB PNG
    whose three channels are equal.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        (H, W) uint8, or uint16 for 16-bit files.

    Raises:
        ImageError: as ``decode_image``; also ``unsupported`` if the file is not a PNG or its pixels
            are colours.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    if header.format != "PNG":
        raise ImageError("unsupported", f"is a {header.format} file; a map of ids must be a PNG")
    with _opened(data, header, max_pixels) as image:
        image.load()
        mode, samples = image.mode, np.array(image)
    if mode.startswith("I"):
        return samples.astype(np.uint16)
    if mode == "RGB" and (samples == samples[..., :1]).all():
        return np.ascontiguousarray(samples[..., 0])
    if mode not in ("1", "L", "P"):
        raise ImageError("unsupported", "is a colour picture; ids need a palette or grey PNG")
    # Pillow scales grey of 2 and 4 bits to 0..255; the stored sample is the id.
    depth = bit_depth(data) if mode == "L" else 8
    return samples.astype(np.uint8) // np.uint8(255 // (2**depth - 1))


@contextlib.contextmanager
def _opened(data: bytes, header: ImageHeader, max_pixels: int) -> Iterator[Image.Image]:
    """The file opened by the decoder of its format; every failure inside is an ``ImageError``."""
    _require_decoder(header.format)
    try:
        with _strict_pillow(), Image.open(io.BytesIO(data), formats=[header.format]) as image:
            if image.width * image.height > max_pixels:  # header and decoder may disagree
                size = f"{image.width} x {image.height}"
                raise ImageError("too_large", f"decodes to {size} pixels; export it smaller")
            yield image
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("out_of_memory", "does not fit into memory; export it smaller") from error
    except Exception as error:  # for a damaged file Pillow may raise any class
        raise ImageError("corrupt", _explain(error)) from error


def _explain(error: Exception) -> str:
    """What is wrong with a file that Pillow failed on, and what to do."""
    text = " ".join(str(error).split())
    if "MAX_TEXT" in text or "text chunk" in text.lower():
        return "has compressed text of many megabytes; export it without metadata"
    if isinstance(error, UnidentifiedImageError):
        return "is damaged or of a variant that cannot be decoded; export it again"
    if "truncated" in text.lower() or "broken data stream" in text.lower():
        return "is truncated or damaged: pixels are missing; copy or download it again"
    return f"is damaged and cannot be decoded ({text or type(error).__name__}); export it again"


_PILLOW_SETTINGS = threading.Lock()


@contextlib.contextmanager
def _strict_pillow() -> Iterator[None]:
    """Change Pillow's module-wide settings inside, and restore them afterwards.

    Its own pixel limit is switched off in favour of ours, and truncated files are errors even if
    another library in the process has asked Pillow to fill them with grey. Because of the lock, a
    process decodes one file at a time, which the workers do anyway.
    """
    with _PILLOW_SETTINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        limit, tolerant = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = limit, tolerant


def _require_decoder(fmt: str) -> None:
    """Register the decoder of a format with Pillow if it comes with another package."""
    Image.init()
    if fmt in Image.OPEN:
        return
    for module, function in _PLUGINS.get(fmt, ()):
        with contextlib.suppress(ImportError):
            plugin = importlib.import_module(module)
            if function is not None:
                getattr(plugin, function)()
            return
    shown = _SHOWN_NAMES.get(fmt, fmt)
    raise ImageError(
        "unsupported",
        f"is a {shown} picture, and no decoder for it is installed; "
        f"`pip install {_PIP_NAMES.get(fmt, 'pillow')}` or convert it to JPEG",
    )


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image, header: ImageHeader) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and header.format == "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError("unsupported", "has 32-bit pixels; export it with 8 or 16 bits")
    return image.convert("RGB")


def _to_bgr(image: Image.Image) -> npt.NDArray[np.uint8]:
    rgb = np.asarray(image)
    # Channel by channel: 0.04 s for 12 megapixels, a copy of rgb[..., ::-1] takes 0.13 s.
    bgr = np.empty_like(rgb, order="C")
    for channel in range(3):
        bgr[..., channel] = rgb[..., 2 - channel]
    return bgr
