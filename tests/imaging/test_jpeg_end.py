"""JPEG files that end too early: whether pixels are missing, and how many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_image
from tests.support.picture_bytes import encoded, photo_rgb

PHOTO = photo_rgb(160, 96)
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {"quality": 90},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "gray": {},
    "cmyk": {},
}


def jpeg(kind: str) -> bytes:
    pixels = {"gray": PHOTO[..., 0], "cmyk": np.dstack((PHOTO, PHOTO[..., :1]))}.get(kind, PHOTO)
    image = Image.fromarray(pixels, "CMYK") if kind == "cmyk" else Image.fromarray(pixels)
    return encoded(image, "JPEG", **KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [1, 2])
def test_without_its_end_marker_a_photo_is_whole(kind, cut):
    whole = jpeg(kind)
    decoded = decode_image(whole[:-cut])
    np.testing.assert_array_equal(decoded.image_bgr, decode_image(whole).image_bgr)
    assert decoded.notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_missing_rows_are_an_error_unless_allowed(kind, share):
    whole = jpeg(kind)
    cut = whole[: int(len(whole) * share)]
    with pytest.raises(ImageError, match=r"\d+ of its 160 rows are missing; .* again$"):
        decode_image(cut)
    decoded = decode_image(cut, allow_truncated=True)
    missing = int(decoded.notes[0].split()[0])
    there = decode_image(whole).image_bgr[: 160 - missing]
    np.testing.assert_array_equal(decoded.image_bgr[: 160 - missing], there)
    assert missing > (0 if kind == "progressive" else 160 * (1 - share) / 3)


def test_a_progressive_photo_without_its_last_scans_is_not_whole():
    whole = jpeg("progressive")
    last_scan = whole.rindex(b"\xff\xda")
    last_tables = whole.rindex(b"\xff\xc4", 0, last_scan)
    with pytest.raises(ImageError, match="160 of its 160 rows"):
        decode_image(whole[:last_tables])


@pytest.mark.parametrize("extra", [2, 3, 9])
@pytest.mark.parametrize("marker", [b"\xff\xc4", b"\xff\xda"], ids=["table", "scan"])
def test_a_photo_that_ends_within_a_table_keeps_the_scans_before_it(marker, extra):
    whole = jpeg("progressive")
    torn = whole.rindex(marker)
    with pytest.raises(ImageError, match="160 of its 160 rows"):
        decode_image(whole[: torn + extra])
    decoded = decode_image(whole[: torn + extra], allow_truncated=True)
    before = decode_image(whole[:torn], allow_truncated=True)
    np.testing.assert_array_equal(decoded.image_bgr, before.image_bgr)
