"""The photo behind a result, and the proof that it is still the one that was parsed."""

from __future__ import annotations

from pathlib import Path

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import DecodedImage, read_image
from m2fp_cli.imaging.limits import MAX_PIXELS


def read_parsed_photo(
    path: Path | None,
    image_hw: tuple[int, int],
    sha256: str,
    *,
    keep_original: bool = False,
) -> DecodedImage:
    """Read the photo of a result.

    Args:
        path: where it is; None if that is not known.
        image_hw: size of the result.
        sha256: digest of the photo that was parsed; empty if it is not known.
        keep_original: also keep its own colors, if they are not sRGB.

    Raises:
        ImageError: ``vanished``, it is not there; ``stale``, it is not the photo that was parsed;
            or what reading a photo raises.
    """
    if path is None:
        raise ImageError(
            "vanished",
            "its photo is not known here; name its folder with --photos, or move this result away",
        )
    height, width = image_hw
    try:
        photo = read_image(
            path,
            max_pixels=max(MAX_PIXELS, height * width),
            allow_truncated=True,  # it was allowed when it was parsed
            keep_original=keep_original,
        )
    except ImageError as error:
        if error.reason != "vanished":
            raise
        raise ImageError(
            "vanished",
            "is not there any more; name the folder it is in now with --photos; if it was deleted, "
            "m2fp status DIR --prune --remove forgets all photos that are gone",
        ) from error
    if photo.image_hw != image_hw or (sha256 and photo.sha256 != sha256):
        raise ImageError("stale", "was changed after it was parsed; parse it again first")
    return photo
