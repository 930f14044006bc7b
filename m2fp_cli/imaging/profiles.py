"""Color profiles: to sRGB for the network and the eye, and back for a photo's own file.

Phones write Display P3 and cameras Adobe RGB; the same numbers mean duller colors there. The
engine of the conversion is LittleCMS, which Pillow brings.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from m2fp_cli.arrays import Picture

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of ICC color spaces
_SRGB = ImageCms.createProfile("sRGB")
# Profiles of sRGB differ in their last digits. Below this difference a picture stays as it is, and
# equal to what tools see that know no profiles.
_SAME = 2  # levels of 255


@dataclass(frozen=True, eq=False)
class ColorProfile:
    """A usable ICC profile whose colors differ from sRGB.

    Attributes:
        data: the profile.
        name: what it calls itself.
        mode: Pillow's mode of its pixels: ``RGB``, ``L`` or ``CMYK``.
    """

    data: bytes
    name: str
    mode: str

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """Convert a picture of ``mode`` to sRGB, mode ``RGB``."""
        return _apply(image, _transform(self.data, self.mode, back=False))

    def leads_back(self) -> bool:
        """Whether ``from_srgb`` can do it; a scanner's profile may have tables one way only."""
        try:
            _transform(self.data, self.mode, back=True)
        except ImageCms.PyCMSError:
            return False
        return True

    def from_srgb(self, pixels_bgr: Picture) -> Picture:
        """Convert (H, W, 3) uint8 BGR from sRGB; for profiles of mode ``RGB`` that lead back."""
        rgb = Image.fromarray(np.ascontiguousarray(pixels_bgr[..., ::-1]))
        converted = _apply(rgb, _transform(self.data, self.mode, back=True))
        return np.ascontiguousarray(np.asarray(converted)[..., ::-1])


@functools.lru_cache(maxsize=16)
def read_profile(data: bytes) -> ColorProfile | None:
    """Read an ICC profile.

    Args:
        data: the profile, of any origin.

    Returns:
        None if it describes sRGB.

    Raises:
        ValueError: it is damaged, or for another kind of pixels.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _MODES[opened.profile.xcolor_space]
        name = " ".join((opened.profile.profile_description or "").split())[:80] or "unnamed"
        profile = ColorProfile(data, name, mode)
        _transform(data, mode, back=False)  # a good header may have nothing behind it
        return None if mode == "RGB" and _is_srgb(profile) else profile
    except (ImageCms.PyCMSError, KeyError, OSError, TypeError) as error:
        raise ValueError(f"is not a usable color profile ({error})") from error


def _is_srgb(profile: ColorProfile) -> bool:
    """Whether a profile leaves a grid of colors as it is."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
    seen = np.asarray(profile.to_srgb(Image.fromarray(grid)))
    return int(np.abs(seen.astype(int) - grid).max()) <= _SAME


@functools.lru_cache(maxsize=16)
def _transform(data: bytes, mode: str, *, back: bool) -> ImageCms.ImageCmsTransform:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    source, target = (_SRGB, profile) if back else (profile, _SRGB)
    return ImageCms.buildTransform(
        source,
        target,
        "RGB" if back else mode,
        mode if back else "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only with inPlace
    return converted


@dataclass(frozen=True, eq=False)
class OriginalColors:
    """A photo in its own colors.

    Attributes:
        image_bgr: (H, W, 3) uint8 BGR, upright.
        profile: what its numbers mean.
    """

    image_bgr: Picture
    profile: ColorProfile

    def take_changes(self, photo_bgr: Picture, changed_bgr: Picture) -> Picture:
        """A changed photo in its own colors; pixels that were not changed keep their numbers.

        Args:
            photo_bgr: the photo in sRGB, (H, W, 3) uint8 BGR.
            changed_bgr: the same after the change.
        """
        rows = np.flatnonzero((photo_bgr != changed_bgr).any(axis=(1, 2)))
        result = self.image_bgr.copy()
        if rows.size:
            area = slice(rows[0], rows[-1] + 1)
            differs = (photo_bgr[area] != changed_bgr[area]).any(axis=2)
            result[area][differs] = self.profile.from_srgb(changed_bgr[area])[differs]
        return result
