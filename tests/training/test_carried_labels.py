"""What is carried, from lines that somebody drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.carried_labels import paint_carried, read_carried

DRAWN = Path(__file__).parents[2] / "training" / "drawn" / "ccp_carried.tsv"


def write(folder: Path, *lines: str) -> Path:
    path = folder / "carried.tsv"
    path.write_text("photo\tkind\tpolygons\n" + "".join(f"{line}\n" for line in lines))
    return path


def test_a_bag_is_painted_without_what_is_seen_through_its_handle(tmp_path):
    path = write(tmp_path, "a\tbag\t2,1 9,1 9,6 2,6;-4,2 6,2 6,3 4,3", "b\tnone\t")
    found = read_carried(path)
    painted = paint_carried(found["a"], 10, 12)
    expected = np.zeros((10, 12), np.uint8)
    expected[1:7, 2:10], expected[2:4, 4:7] = 1, 0
    np.testing.assert_array_equal(painted, expected)
    assert found["b"] == []


def test_what_is_surely_carried_wins_over_what_cannot_be_told(tmp_path):
    path = write(tmp_path, "a\tphone\t2,2 5,2 5,5 2,5", "a\tskip\t0,0 7,0 7,7 0,7")
    painted = paint_carried(read_carried(path)["a"], 8, 8)
    assert (painted[2:6, 2:6] == 1).all()
    assert (painted == 255).sum() == 64 - 16


@pytest.mark.parametrize("line", ["b\tbag\t1,2 x,4", "b\tbga\t1,2 3,4 5,6", "b\tbag\t1,2,3 4,5,6"])
def test_a_line_that_cannot_be_read_is_named(tmp_path, line):
    path = write(tmp_path, "a\tnone\t", line)
    with pytest.raises(ValueError, match=r"carried\.tsv, line 3: "):
        read_carried(path)


def test_the_street_photos_are_all_there():
    found = read_carried(DRAWN)
    kinds = [thing.kind for things in found.values() for thing in things]
    assert len(found) == 1094
    assert kinds.count("bag") == 686
    assert min(len(polygon) for things in found.values() for t in things for polygon in t.added) > 2
