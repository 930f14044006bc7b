"""Garments cut from photos of products, composed so that the true outline is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.flat_garment import cut_ground
from m2fp_cli.tryon.garment_outline import NotFlat
from tests.support.drawn_garments import at, draw_garment

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


@pytest.mark.parametrize("places", [
    [((250, 210), (390, 330))],  # a large print on the chest
    [((330, 200), (385, 245))],  # a small one beside the middle
    [((215, 220), (265, 300)), ((295, 220), (345, 300)), ((375, 220), (425, 300))],  # letters
])  # fmt: skip
def test_a_print_in_the_color_of_the_ground_belongs_to_the_garment(places):
    picture, true = draw_garment(background=250), draw_garment()[..., 3] > 127
    for first, last in places:
        cv2.rectangle(picture, first, last, (244, 246, 246, 255), -1)
    found = cut_ground(picture)[..., 3] > 127
    assert (found & true).sum() / (found | true).sum() > 0.97


@pytest.mark.parametrize("sleeve", [2.2, 2.9])
def test_ground_between_a_sleeve_and_the_body_is_cut_away(sleeve):
    picture, true = draw_garment(sleeve, background=250), draw_garment(sleeve)[..., 3] > 127
    for side in (-1, 1):  # the cuffs touch the body
        start, end = at(side * 1.0, 2.3), at(side * 1.9, 2.3)
        cv2.line(picture, start, end, (40, 150, 40, 255), 40)
        cv2.line(mark := true.astype(np.uint8), start, end, (1,), 40)
        true = mark > 0
    found = cut_ground(picture)[..., 3] > 127
    assert (found & true).sum() / (found | true).sum() > 0.97


def test_ground_between_a_hanger_and_the_neck_is_cut_away():
    picture, true = draw_garment(background=250), draw_garment()[..., 3] > 127
    for side in (-1, 1):
        cv2.line(picture, at(0, -0.35), at(side * 0.6, 0.06), (60, 90, 140, 255), 5, cv2.LINE_AA)
    found = cut_ground(picture)[..., 3] > 127
    assert not found[slice(*(at(0, y)[1] for y in (-0.1, 0.3))), at(0, 0)[0]].any()
    assert (found & true).sum() / (found | true).sum() > 0.96
