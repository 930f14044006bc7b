from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.one_thing import shows_one_on_color, shows_one_thing
from tests.support.drawn_garments import draw_garment

Y, X = np.mgrid[:320, :320] / 320


def on_white(mask):
    picture = np.full((*mask.shape, 4), 255, np.uint8)
    picture[mask, :3] = (60, 40, 160)
    return picture


def dots(count, radius=0.3):
    return np.hypot(X * count % 1 - 0.5, Y * count % 1 - 0.5) < radius


@pytest.mark.parametrize("picture", [
    draw_garment(),
    draw_garment(background=250),
    draw_garment(background=225),
    on_white((np.abs(X - 0.5) < 0.3) & (np.abs(Y - 0.5) < 0.4) & (Y * 40 % 2 < 1)),  # white stripes
    on_white((np.abs(X - 0.5) < 0.1) & (np.abs(Y - 0.5) < 0.25)),  # small, as on a wide canvas
])  # fmt: skip
def test_products_are_one_thing(picture):
    assert shows_one_thing(picture)


@pytest.mark.parametrize("picture", [
    on_white(X * 10 % 1 < 0.5),  # stripes
    on_white((X * 10 % 1 < 0.2) | (Y * 10 % 1 < 0.2)),  # checks
    *(on_white(dots(count)) for count in (2, 3, 5, 12)),
    on_white(dots(1, 0.2)),
    on_white(np.zeros(X.shape, bool)),  # white cloth
    draw_garment(background=120),
])  # fmt: skip
def test_fabrics_are_not(picture):
    assert not shows_one_thing(picture)


def cut_out(mask):
    picture = on_white(mask)
    picture[~mask, 3] = 0
    return picture


SHORTS = (np.abs(X - 0.5) < 0.3 + 0.2 * Y) & ~((np.abs(X - 0.5) < 0.06) & (Y > 0.4))
JEANS = ~((np.abs(X - 0.5) < 0.12 * Y) & (Y > 0.3))
NET = (X * 5 % 1 < 0.5) | (Y * 5 % 1 < 0.5)


@pytest.mark.parametrize("mask", [SHORTS, JEANS, SHORTS.T])
def test_a_product_that_is_cropped_to_what_is_seen_is_one_thing(mask):
    assert shows_one_thing(cut_out(mask))


@pytest.mark.parametrize("mask", [NET, np.roll(NET, (9, 17), (0, 1)), dots(2, 0.45), dots(6, 0.45),
                                  X * 4 % 1 < 0.6])  # fmt: skip
def test_a_net_dots_and_stripes_with_a_clear_ground_are_fabrics(mask):
    assert not shows_one_thing(cut_out(mask))


@pytest.mark.parametrize(("every", "clear"), [(6, 1), (8, 2)])
def test_a_net_whose_holes_are_too_fine_to_be_seen_is_a_fabric(every, clear):
    row = np.arange(1600) % every < clear
    assert not shows_one_thing(cut_out(~(row[:, None] & row)))


def on_paper(mask, rgb, cloth=(200, 170, 90)):
    picture = np.full((*mask.shape, 4), (*rgb, 255), np.uint8)
    picture[mask, :3] = cloth
    return picture


TANK_TOP = (np.abs(X - 0.5) < 0.25) & (np.abs(Y - 0.5) < 0.35)


@pytest.mark.parametrize("picture", [
    draw_garment(background=120),
    on_paper(TANK_TOP, (20, 20, 20)),
    on_paper(TANK_TOP, (40, 60, 150)),
])  # fmt: skip
def test_products_on_paper_of_any_color_are_one_thing(picture):
    assert shows_one_on_color(picture)


@pytest.mark.parametrize("picture", [
    on_paper(X * 10 % 1 < 0.5, (40, 60, 150)),
    *(on_paper(dots(count), (40, 60, 150)) for count in (2, 3, 5)),
    on_paper(dots(1, 0.2), (40, 60, 150)),
    on_paper(TANK_TOP, (120, 120, 120), (140, 140, 140)),  # light that falls on cloth
    on_paper(np.zeros(X.shape, bool), (40, 60, 150)),
])  # fmt: skip
def test_fabrics_of_any_color_are_not(picture):
    assert not shows_one_on_color(picture)
