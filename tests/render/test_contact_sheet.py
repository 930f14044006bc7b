"""Contact sheets: where pictures go, what is cut out of them, and that pages stay small."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.render.contact_sheet import (
    PICTURE_SIDE,
    ROWS,
    Block,
    Cell,
    choose_columns,
    draw_sheet,
    shown_box,
    shrink_to_cell,
)

STEP_X, STEP_Y, GAP = PICTURE_SIDE + 8, PICTURE_SIDE + 62, 8


def cell(level):
    return Cell(np.full((PICTURE_SIDE, PICTURE_SIDE, 3), level, np.uint8), "caption")


def levels(page):
    """Gray level of each place of a page, row by row; 255 where there is no picture."""
    middle = GAP + PICTURE_SIDE // 2
    return page[middle::STEP_Y, middle::STEP_X, 0].tolist()


def blocks(*sizes):
    level = iter(range(1, 250))
    return [Block(size, [cell(next(level)) for _ in range(size)]) for size in sizes]


def test_a_block_begins_a_row_unless_it_fits_into_the_last_one():
    (page,) = draw_sheet(blocks(3, 3, 5), largest=8)
    free = 255
    assert levels(page) == [[1, 2, 3, 4, 5, 6, free, free], [7, 8, 9, 10, 11, free, free, free]]
    assert page.shape == (GAP + 2 * STEP_Y, GAP + 8 * STEP_X, 3)


def test_a_large_block_goes_on_over_rows_and_pages():
    pages = list(draw_sheet([Block(200, (cell(n) for n in range(200)))], largest=200))
    assert [len(page) for page in pages] == [GAP + ROWS * STEP_Y, GAP + 9 * STEP_Y]
    shown = [one for page in pages for row in levels(page) for one in row]
    assert shown == list(range(200))


@pytest.mark.parametrize(("largest", "columns"), [(2, 8), (3, 6), (5, 5), (7, 7), (21, 7), (17, 6)])
def test_columns_leave_few_places_empty(largest, columns):
    assert choose_columns(largest) == columns


def test_no_picture_no_page():
    assert list(draw_sheet([], largest=2)) == []


def test_pages_are_given_away_before_the_next_pictures_are_made():
    made = []

    def cells():
        for number in range(1000):
            made.append(number)
            yield cell(0)

    assert len(next(draw_sheet([Block(1000, cells())], largest=1000))) == GAP + ROWS * STEP_Y
    assert len(made) == 8 * ROWS + 1


def test_what_changed_is_in_the_middle_of_a_square():
    box = shown_box([(400, 300, 500, 340), (420, 320, 480, 400)], (1000, 800))
    assert box == (385, 285, 515, 415)


@pytest.mark.parametrize("changed", [(0, 0, 100, 50), (700, 950, 800, 1000), (0, 0, 800, 1000)])
def test_what_is_shown_stays_inside_the_photo(changed):
    x0, y0, x1, y1 = shown_box([changed], (1000, 800))
    assert 0 <= x0 <= changed[0] < changed[2] <= x1 <= 800
    assert 0 <= y0 <= changed[1] < changed[3] <= y1 <= 1000


def test_all_is_shown_where_nothing_changed():
    assert shown_box([], (1000, 800)) == (0, 0, 800, 1000)


@pytest.mark.parametrize("hw", [(1, 3000), (3000, 1), (7, 5), (900, 1200)])
def test_pictures_fit_into_their_cell(hw):
    small = shrink_to_cell(np.zeros((*hw, 3), np.uint8), (0, 0, hw[1], hw[0]))
    assert max(small.shape[:2]) == PICTURE_SIDE
    assert min(small.shape[:2]) >= 1


def test_long_and_odd_texts_stay_in_their_cell():
    long = Cell(cell(9).picture, "x" * 500 + "\x1b[2J\n", "reason " * 50)
    (page,) = draw_sheet([Block(2, [long, cell(9)])], largest=2)
    texts = page[GAP + PICTURE_SIDE : GAP + STEP_Y - 8, GAP + PICTURE_SIDE : GAP + STEP_X]
    assert (texts == 255).all()


@pytest.mark.parametrize(("name", "drawn"), [
    ("Mütze Größe é", "Mutze Grosse e"),
    ("Mu\u0308tze łódź", "Mutze lodz"),  # as macOS writes names
])  # fmt: skip
def test_letters_that_the_font_lacks_lose_their_accents(name, drawn):
    page, plain = (next(draw_sheet([Block(1, [Cell(None, t)])], largest=1)) for t in (name, drawn))
    assert (page == plain).all()


def test_a_note_goes_on_in_a_second_line():
    def rows_of_text(note):
        (page,) = draw_sheet([Block(1, [Cell(None, "", note)])], largest=1)
        texts = page[GAP + PICTURE_SIDE : GAP + STEP_Y - 8, GAP : GAP + PICTURE_SIDE]
        return np.flatnonzero((texts < 200).any(axis=(1, 2)))

    assert rows_of_text("no hat: it").max() < 36 <= rows_of_text("no hat: " + "very " * 9).max()
