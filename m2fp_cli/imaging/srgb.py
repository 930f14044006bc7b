"""Decoded pixels of any kind as opaque sRGB."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.profiles import ColorProfile, read_profile


@dataclass(frozen=True, eq=False)
class OpaqueColors:
    """A picture as sRGB.

    Attributes:
        srgb: mode ``RGB``; the picture itself if nothing had to be converted.
        original: the same in the picture's own colors; None where those are sRGB, gray or CMYK,
            or where the profile does not lead back to them.
        profile: of these colors.
        notes: what was changed, a clause each.
    """

    srgb: Image.Image
    original: Image.Image | None
    profile: ColorProfile | None
    notes: tuple[str, ...]


def to_srgb(image: Image.Image, profile_data: bytes | None) -> OpaqueColors:
    """Convert a loaded picture to opaque sRGB.

    Args:
        image: as ``mend_samples`` gives it.
        profile_data: its ICC profile; None if it has none.

    Raises:
        ImageError: ``unsupported`` for 32-bit and floating-point pixels.
    """
    if image.mode in ("I", "F"):
        raise ImageError("unsupported", "has 32-bit pixels; export it with 8 or 16 bits")
    alpha = _alpha(image)
    kind = opaque_mode(image)
    profile, notes = _usable_profile(profile_data, kind)
    original = None
    if profile is None:
        srgb = _in_mode(image, "RGB")
    else:
        own = _in_mode(image, kind)
        srgb = profile.to_srgb(own)
        original = own if kind == "RGB" and profile.leads_back() else None
        notes = (*notes, f"its colors were converted from {profile.name} to sRGB")
    if alpha is not None:
        srgb = _on_white(srgb, alpha)
        original = None if original is None else _on_white(original, alpha)
        notes = (*notes, "what is transparent in it was laid on white")
    return OpaqueColors(srgb, original, profile if original is not None else None, notes)


def opaque_mode(image: Image.Image) -> str:
    """The mode of a picture without alpha and palette: ``L``, ``RGB`` or ``CMYK``."""
    return {"1": "L", "L": "L", "LA": "L", "La": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """A picture in a mode; itself if it has that already, where Pillow's ``convert`` copies it.

    One of several pictures in a HEIF file is copied, since its decoder would be asked again at
    each look at its pixels.
    """
    return image if image.mode == mode and image.format != "HEIF" else image.convert(mode)


def _usable_profile(data: bytes | None, kind: str) -> tuple[ColorProfile | None, tuple[str, ...]]:
    """The profile to convert from, and why there is none."""
    if not data:
        return None, ()
    try:
        profile = read_profile(bytes(data))
    except ValueError:
        return None, ("its color profile is damaged and was ignored",)
    if profile is not None and profile.mode != kind:
        return None, (f"its color profile is for {profile.mode} pixels and was ignored",)
    return profile, ()


def _alpha(image: Image.Image) -> Image.Image | None:
    """Opacity as mode ``L``; None where all is opaque."""
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return alpha if alpha.getextrema() != (255, 255) else None


def _on_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=alpha)
    return white
