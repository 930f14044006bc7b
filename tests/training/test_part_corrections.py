from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.dataset import IGNORE, LabelledPhoto
from training.part_corrections import (
    ALL,
    OUT,
    UNKNOWN,
    Correction,
    correct_folder,
    correct_labels,
    leave_out,
    read_corrections,
)
from training.part_sheets import draw_sheet, find_parts

COAT, DRESS, SKIRT, FACE = (CIHP.id_of(name) for name in ("Coat", "Dress", "Skirt", "Face"))


def two_people() -> tuple[np.ndarray, np.ndarray]:
    """Both in coats, with a face above, side by side: 40 x 40 pixels."""
    labels = np.full((40, 40), COAT, np.uint8)
    labels[:10] = FACE
    people = np.repeat([[1, 2]], 40, 0).repeat(20, 1).astype(np.uint8)
    return labels, people


@pytest.mark.parametrize(
    ("right", "expected"), [("Dress", DRESS), (UNKNOWN, IGNORE), ("Coat", COAT)]
)
def test_only_the_wrong_label_of_that_person_in_that_rectangle_changes(right, expected):
    labels, people = two_people()
    got = correct_labels(labels, people, [Correction(1, (10, 0, 30, 20), "Coat", right)])
    assert got is not None
    assert (got[10:20, 10:20] == expected).all()
    labels[10:20, 10:20] = expected
    assert np.array_equal(got, labels)


def test_lines_apply_in_order_to_whoever_is_there():
    labels, people = two_people()
    lines = [
        Correction(0, (0, 0, 40, 40), "Coat", "Dress"),
        Correction(0, (0, 25, 40, 40), "Dress", "Skirt"),
        Correction(2, (0, 0, 40, 40), ALL, UNKNOWN),
    ]
    got = correct_labels(labels, people, lines)
    assert got is not None
    assert np.unique(got[:, :20]).tolist() == sorted({FACE, DRESS, SKIRT})
    assert (got[25:, :20] == SKIRT).all()
    assert (got[:, 20:] == IGNORE).all()


def test_corrections_of_one_label_to_another_can_be_left_out():
    skirt = Correction(0, (0, 0, 40, 40), "Dress", "Skirt")
    others = [
        Correction(0, (0, 0, 40, 40), *pair) for pair in [("Dress", "Coat"), ("Coat", "Skirt")]
    ]
    assert leave_out({"a": [skirt, *others], "b": [skirt]}, "Dress", "Skirt") == {
        "a": others,
        "b": [],
    }


def test_a_folder_is_written_without_what_is_out(tmp_path: Path):
    labels, people = two_people()
    for kind, plane in (("photos", labels), ("labels", labels), ("people", people)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for name in ("1", "2"):
            Image.fromarray(plane).save(tmp_path / "data" / kind / f"{name}.png")
    lines = [Correction(0, (0, 0, 40, 40), ALL, OUT)]
    assert correct_folder(tmp_path / "data", {"2": lines}, tmp_path / "out") == (1, 1)
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["1.png"]
    assert len(list((tmp_path / "out" / "people").iterdir())) == 2


def test_the_corrections_of_the_starter_are_readable():
    for path in (Path("training") / "corrections").glob("*.tsv"):
        for lines in read_corrections(path).values():
            for one in lines:
                left, top, right, bottom = one.box_xyxy
                assert 0 <= left < right
                assert 0 <= top < bottom
                assert one.wrong in (*CIHP.names, ALL)
                assert one.right in (*CIHP.names, UNKNOWN, OUT)


def test_parts_are_pieces_of_a_label_of_a_person_and_are_drawn_in_their_order():
    labels, people = two_people()
    labels[12:14, 2:4] = DRESS  # too small
    labels[20:30, :20] = 0  # cuts a coat in two
    parts = list(find_parts(labels, people))
    assert [(part.person, part.label, part.box_xyxy) for part in parts] == [
        (1, "Coat", (0, 10, 20, 20)),
        (1, "Coat", (0, 30, 20, 40)),
        (1, "Face", (0, 0, 20, 10)),
        (2, "Coat", (20, 10, 40, 40)),
        (2, "Face", (20, 0, 40, 10)),
    ]
    gray = np.full((40, 40, 3), 120, np.uint8)
    sheet = draw_sheet(LabelledPhoto("some", gray, labels, people), parts)
    panel = sheet[36 : 36 + 760, 36 + 760 + 36 :]
    assert (panel[430:500, 100:300] == 42).all()  # the cut is nobody's: 120 at 35 %
    assert len({tuple(panel[y, x]) for y, x in ((300, 30), (700, 30), (60, 30), (500, 500))}) == 4
