"""Opens a picture file with Pillow's decoder of its format, and says what went wrong with it."""

from __future__ import annotations

import contextlib
import importlib
import io
import threading
import warnings
from collections.abc import Iterator

from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.headers.tiff import needs_libtiff
from m2fp_cli.imaging.headers.tiff_variants import find_unread_variant
from m2fp_cli.imaging.native_messages import capture_stderr

# Formats that Pillow reads only with another package: its modules, and the function to call.
_PLUGINS = {
    "AVIF": (("pillow_avif", None),),
    "HEIF": (("pillow_heif", "register_heif_opener"),),
}
_PIP_NAMES = {"AVIF": "pillow-avif-plugin", "HEIF": "pillow-heif"}
_SHOWN_NAMES = {"HEIF": "HEIC", "WEBP": "WebP"}


class TruncatedError(ImageError):
    """The decoder came to the end of the file before the end of the pixels."""


@contextlib.contextmanager
def opened(
    data: bytes, header: ImageHeader, max_pixels: int
) -> Iterator[tuple[Image.Image, list[str]]]:
    """The file opened by the decoder of its format; every failure inside is an ``ImageError``.

    With a list that gets the lines which the decoder has printed, when all is over.
    """
    _require_decoder(header.format)
    lines: list[str] = []
    talks = header.format == "TIFF"
    try:
        with (
            strict_pillow(),
            _whole_libtiff() if talks and needs_libtiff(data) else contextlib.nullcontext(),
            capture_stderr(lines) if talks else contextlib.nullcontext(),
            Image.open(io.BytesIO(data), formats=[header.format]) as image,
        ):
            if image.width * image.height > max_pixels:  # header and decoder may disagree
                size = f"{image.width} x {image.height}"
                raise ImageError("too_large", f"decodes to {size} pixels; export it smaller")
            yield image, lines
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("out_of_memory", "does not fit into memory; export it smaller") from error
    except Exception as error:  # for a damaged file Pillow may raise any class
        if header.format == "TIFF" and (variant := find_unread_variant(data)):
            raise ImageError("unsupported", variant) from error
        kind = TruncatedError if "truncated" in str(error) else ImageError
        raise kind("corrupt", _explain(error)) from error


def _explain(error: Exception) -> str:
    """What is wrong with a file that Pillow failed on, and what to do."""
    text = " ".join(str(error).split())
    if isinstance(error, UnidentifiedImageError):
        return "is damaged or of a variant that cannot be decoded; export it again"
    if "truncated" in text.lower() or "broken data stream" in text.lower():
        return "is truncated or damaged: pixels are missing; copy or download it again"
    return f"is damaged and cannot be decoded ({text or type(error).__name__}); export it again"


_PILLOW_SETTINGS = threading.Lock()


@contextlib.contextmanager
def strict_pillow() -> Iterator[None]:
    """Change Pillow's module-wide settings inside, and restore them afterwards.

    Its own pixel limit is switched off in favor of ours, and truncated files are errors even if
    another library in the process has asked Pillow to fill them with gray. Because of the lock, a
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


@contextlib.contextmanager
def _whole_libtiff() -> Iterator[None]:
    """Have libtiff read TIFF files without compression, too; inside ``strict_pillow``.

    Pillow reads those itself otherwise, and wrongly where ``needs_libtiff`` says so.
    """
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        yield
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


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
