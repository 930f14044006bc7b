"""Photos and label maps: bytes to arrays. Pillow is the one decoder, and only this room calls it.

Why Pillow: it is what ModelScope's ``LoadImage`` uses, so both see the same pixels; and it refuses
a truncated file where OpenCV's ``imread`` fills the rest with grey. No path is ever handed to a
decoder: the pre-flight looks at the same bytes first.
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

# Formats Pillow reads only with another package: (that package, what it must be asked to do).
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
        image_bgr: (H, W, 3) uint8 BGR, C-contiguous, upright: the EXIF orientation is applied.
        format: as in ``ImageHeader``.
        orientation: the EXIF orientation that was applied, 1..8; 1 means that nothing was done.
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
    """Read and decode one photo; see ``read_bytes`` and ``decode_image``."""
    return decode_image(read_bytes(path), max_pixels=max_pixels)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode a photo the way the reference does: EXIF orientation applied, then RGB.

    Equal to ModelScope's ``exif_transpose(Image.open(...)).convert("RGB")``: transparency is
    dropped, not composited, so a clear pixel shows the colour that is stored beneath it; colour
    profiles are ignored; of an animation or a book of pages the first is taken. One thing differs:
    16-bit grey keeps its high byte, where Pillow's conversion would clip nearly all to white.

    A file that ends too early is refused. One that was closed in good order with rows missing (an
    encoder's fault, not a copy's) cannot be told from a picture with a plain lower half.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        The photo in its upright frame.

    Raises:
        ImageError: whatever ``inspect_image`` raises; ``corrupt`` when the pixels are damaged or
            incomplete, never half a picture; ``unsupported`` when the decoder is not installed or
            the pixels are no photo's (floating point, 32-bit); ``out_of_memory``.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    with _opened(data, header, max_pixels) as image:
        image.load()
        # Pillow turns a TIFF while it loads it, and forgets the orientation.
        orientation = header.orientation if header.format == "TIFF" else _orientation(image)
        image_bgr = _to_bgr(_to_rgb(ImageOps.exif_transpose(image), header))
    digest = hashlib.sha256(data).hexdigest()
    return DecodedImage(image_bgr, header.format, orientation, len(data), digest)


def decode_map(data: bytes, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.integer[Any]]:
    """Read a label or person map back as ids: no colour conversion, no EXIF orientation.

    Takes what ``encode_palette_png`` writes and what other tools write: palette PNG of any depth
    (the index is the id), grey PNG of 1 to 16 bits (the stored sample is the id), and RGB PNG
    whose three channels are equal.

    Returns:
        (H, W) uint8, or uint16 for 16-bit files.

    Raises:
        ImageError: whatever ``decode_image`` raises; ``unsupported`` when the file is not a PNG or
            its pixels are colours.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    if header.format != "PNG":
        raise ImageError("unsupported", f"is a {header.format} file; maps of ids are PNG files")
    with _opened(data, header, max_pixels) as image:
        image.load()
        mode, samples = image.mode, np.array(image)
    if mode.startswith("I"):
        return samples.astype(np.uint16)
    if mode == "RGB" and (samples == samples[..., :1]).all():
        return np.ascontiguousarray(samples[..., 0])
    if mode not in ("1", "L", "P"):
        raise ImageError("unsupported", "is a colour picture, not a map of ids")
    # Pillow spreads grey of 2 and 4 bits over 0..255; the stored sample is wanted.
    depth = bit_depth(data) if mode == "L" else 8
    return samples.astype(np.uint8) // np.uint8(255 // (2**depth - 1))


@contextlib.contextmanager
def _opened(data: bytes, header: ImageHeader, max_pixels: int) -> Iterator[Image.Image]:
    """The file in the one decoder its first bytes ask for; every failure as ``ImageError``."""
    _require_decoder(header.format)
    try:
        with _strict_pillow(), Image.open(io.BytesIO(data), formats=[header.format]) as image:
            if image.width * image.height > max_pixels:  # header and decoder may disagree
                raise ImageError("too_large", f"decodes to {image.width} x {image.height} pixels")
            yield image
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("out_of_memory", "does not fit into memory; export it smaller") from error
    except Exception as error:  # damaged files make Pillow raise any class there is
        raise ImageError("corrupt", _explain(error)) from error


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "MAX_TEXT" in text or "text chunk" in text.lower():
        return "carries packed text of many megabytes; export it without metadata"
    if isinstance(error, UnidentifiedImageError):
        return "is damaged or of a variant that cannot be decoded; export it again"
    if "truncated" in text.lower() or "broken data stream" in text.lower():
        return "is cut short or damaged: not all of its pixels are there; copy or download it again"
    return f"is damaged and cannot be decoded ({text or type(error).__name__}); export it again"


_PILLOW_SETTINGS = threading.Lock()


@contextlib.contextmanager
def _strict_pillow() -> Iterator[None]:
    """Pillow's module-wide settings as this module needs them, given back afterwards.

    Its own pixel limit gives way to ours, and truncated files are errors even if some other
    library in the process has asked Pillow to fill them up with grey. The lock makes decoding one
    at a time within a process, which is how the workers do it anyway.
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
        f"is a {shown} picture and no decoder for it is installed; "
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
