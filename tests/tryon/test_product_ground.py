"""Garments cut from photos of products, composed so that the true outline is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.flat_garment import cut_ground
from m2fp_cli.tryon.garment_outline import NotFlat
from tests.support.drawn_garments import draw_garment

SHAPE = 900, 1000


def product_photo(*, ground=240.0, tint=(0, 0, 0), shadow=0.35, noise=1.5, quality=75, hook=False):
    """A drawn garment on lit paper with a soft shadow, saved as JPEG; and its true outline."""
    garment = cv2.resize(draw_garment(), None, fx=1.25, fy=1.25, interpolation=cv2.INTER_AREA)
    cut = np.zeros((*SHAPE, 4), np.float32)
    cut[100 : 100 + garment.shape[0], 100 : 100 + garment.shape[1]] = garment
    alpha = cut[..., 3:] / 255
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 1000 - 0.5
    paper = ground + np.array(tint) - (20 * (x * x + y * y) - 4 * x)[..., None]
    if hook:
        cv2.line(paper, (500, 20), (500, 140), (120, 120, 125), 5, cv2.LINE_AA)
    thrown = np.roll(alpha[..., 0], (10, 8), (0, 1))
    dark = 0.5 * cv2.GaussianBlur(thrown, (0, 0), 10) + 0.5 * cv2.GaussianBlur(thrown, (0, 0), 30)
    photo = cut[..., :3] * alpha + paper * (1 - shadow * dark[..., None]) * (1 - alpha)
    photo += noise * np.random.default_rng(1).standard_normal(photo.shape)
    bgr = np.clip(photo, 0, 255).astype(np.uint8)
    _, saved = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    bgr = cv2.imdecode(saved, cv2.IMREAD_COLOR)
    return np.dstack((bgr, np.full(SHAPE, 255, np.uint8))), alpha[..., 0] > 0.5


@pytest.mark.parametrize("photo", [
    {},  # near white, a soft shadow
    {"ground": 216.0, "tint": (-4, 0, 3), "shadow": 0.3},  # a little gray
    {"shadow": 0.45, "quality": 60},
    {"hook": True},
])  # fmt: skip
def test_a_garment_is_cut_without_its_shadow(photo):
    picture, true = product_photo(**photo)
    found = cut_ground(picture)[..., 3] > 127
    assert (found & true).sum() / (found | true).sum() > 0.975


def test_dark_and_colored_grounds_are_refused():
    for ground, tint in ((150.0, (0, 0, 0)), (230.0, (-40, 0, 20))):
        with pytest.raises(NotFlat, match="not near white"):
            cut_ground(product_photo(ground=ground, tint=tint)[0])


def test_a_photo_of_nothing_is_refused():
    picture, _ = product_photo()
    picture[..., :3] = 245
    with pytest.raises(NotFlat, match="cannot be told from its ground"):
        cut_ground(picture)


@pytest.mark.parametrize(("period", "across"), [(12, 0), (12, 1), (26, 0), (26, 1), (40, 0)])
def test_stripes_in_the_color_of_the_ground_belong_to_the_garment(period, across):
    picture = draw_garment(background=250)
    true = draw_garment()[..., 3] > 127
    stripes = np.broadcast_to(np.indices(true.shape)[across] % period < period / 2, true.shape)
    picture[true, :3] = np.where(stripes[true][:, None], (80, 42, 32), 246)
    found = cut_ground(picture)[..., 3] > 127
    assert (found & true).sum() / (found | true).sum() > 0.9
