from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from m2fp_cli.tryon.bottom_doubts import TOO_LITTLE, UNSURE
from m2fp_cli.tryon.catalog import accessories_folder, list_accessories, load_accessory
from m2fp_cli.tryon.fabric import GARMENT_STYLES
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kinds.bottom import FABRICS, load_bottom
from m2fp_cli.tryon.records import ItemRecord
from tests.support.drawn_garments import PANTS, draw_standing
from tests.support.drawn_people import TOP, changed, failed_checks, record_of, wear

DRESS, COAT, SKIRT = 6, 7, 12


def test_trousers_take_the_color_and_nothing_else_does():
    person = draw_standing()
    done = wear(person, {"bottom": "#7a1f3d"})
    trousers, touched = person.labels == PANTS, changed(person, done)
    assert touched[trousers].mean() > 0.98
    assert not touched[~trousers].any()
    assert not failed_checks(record_of(done))
    assert record_of(done).numbers == {"garment": "Pants"}


def test_a_fabric_of_the_tool_goes_onto_trousers():
    person = draw_standing()
    done = wear(person, {"bottom": "tartan"})
    assert record_of(done).placed
    assert done.image_bgr[person.labels == PANTS].std(axis=0).max() > 10


def test_a_sliver_of_skirt_in_trousers_is_the_same_garment():
    person = draw_standing()
    labels = person.labels
    labels[person.box(-2, 10.0, 2, 10.2)] = SKIRT
    done = wear(person.with_labels(labels), {"bottom": "#2040a0"})
    assert changed(person, done)[person.box(-1.5, 10.0, 1.5, 10.2)].mean() > 0.95


def test_a_dress_below_a_sweater_is_a_skirt():
    person = draw_standing()
    labels = person.labels
    labels[labels == PANTS] = DRESS
    done = wear(person.with_labels(labels), {"bottom": "#2040a0"})
    assert record_of(done).numbers == {"garment": "Dress"}
    assert changed(person, done)[labels == DRESS].mean() > 0.98


def test_a_dress_below_an_open_coat_is_no_skirt():
    person = draw_standing()
    labels = person.labels
    labels[labels == PANTS] = DRESS
    top = labels == TOP
    labels[top] = COAT
    front = person.box(-0.8, 2.0, 0.8, 9.0)
    labels[front] = np.where(top[front], DRESS, labels[front])
    done = wear(person.with_labels(labels), {"bottom": "#2040a0"})
    assert record_of(done).reason == "a dress is worn"
    assert not changed(person, done).any()


@pytest.mark.parametrize(("rows", "placed"), [(0.6, False), (3.0, True)])
def test_slivers_of_trousers_in_a_dress_are_left_alone_and_shorts_below_it_are_not(rows, placed):
    person = draw_standing()
    labels = person.labels
    trousers = labels == PANTS
    below = np.flatnonzero(trousers.any(axis=1))[-1] - round(rows * person.unit)
    labels[np.isin(labels, (TOP, PANTS))] = DRESS
    labels[below:][trousers[below:]] = PANTS
    done = wear(person.with_labels(labels), {"bottom": "#2040a0"})
    assert record_of(done).placed == placed


def bottom_with(scores: dict[int, float]) -> ItemRecord:
    """Trousers where the network has instances of some labels with some scores."""
    person = draw_standing()
    mask = Mask.from_full(person.labels == PANTS)
    found = tuple(Instance(label, score, mask) for label, score in scores.items())
    result = replace(person.result, instances=found)
    return record_of(try_on(person.photo_bgr, result, {"bottom": "#2040a0"}))


@pytest.mark.parametrize(
    ("scores", "placed"),
    [
        ({PANTS: 0.5}, True),
        ({PANTS: 0.3}, False),
        ({SKIRT: 0.5, PANTS: 0.2}, True),  # one or the other
        ({PANTS: 0.5, COAT: 0.45}, False),
        ({PANTS: 0.9, COAT: 0.45}, True),
    ],
)
def test_trousers_that_the_network_is_not_sure_of_are_left_alone(scores, placed):
    record = bottom_with(scores)
    assert record.placed is placed
    assert record.reason == ("" if placed else UNSURE)


@pytest.mark.parametrize(("share", "placed"), [(0.02, False), (0.05, True)])
def test_an_edge_of_trousers_is_left_alone(share, placed):
    person = draw_standing()
    labels = person.labels
    trousers = np.flatnonzero(labels == PANTS)
    kept = round(share * np.count_nonzero(labels))
    labels.flat[trousers[kept:]] = TOP
    record = record_of(wear(person.with_labels(labels), {"bottom": "#2040a0"}))
    assert record.placed is placed
    assert record.reason == ("" if placed else TOO_LITTLE)


@pytest.mark.parametrize(("top", "reason"), [
    (DRESS, "a dress is worn"), (TOP, "no trousers or skirt are visible"),
])  # fmt: skip
def test_who_wears_neither_trousers_nor_skirt_is_left_alone(top, reason):
    person = draw_standing()
    labels = person.labels
    labels[labels == PANTS] = 0
    labels[labels == TOP] = top
    done = wear(person.with_labels(labels), {"bottom": "#2040a0"})
    assert record_of(done).reason == reason
    assert not changed(person, done).any()


def test_a_garment_for_the_upper_body_is_refused():
    with pytest.raises(
        UsageError, match=r"/hoodie\.png is a garment for the upper body, not a fabric"
    ):
        load_bottom(str(accessories_folder() / "hoodie.png"))
    with pytest.raises(UsageError, match="no fabric has this name; use breton, denim"):
        load_bottom("hoodie")


def test_a_product_does_not_become_a_pattern_of_small_ones(tmp_path):
    photo = np.full((400, 400, 3), 250, np.uint8)
    photo[40:360, 140:260], photo[120:360, 190:210] = (90, 50, 20), 250  # jeans
    cv2.imwrite(str(tmp_path / "jeans.png"), photo)
    with pytest.raises(
        UsageError, match=r"/jeans\.png: shows one thing on a plain ground, and only fab"
    ):
        load_bottom(str(tmp_path / "jeans.png"))
    assert find_faults(load_accessory(str(tmp_path / "jeans.png"), "bottom"))
    cv2.imwrite(str(tmp_path / "jeans.png"), photo[60:100, 150:250])
    assert load_bottom(str(tmp_path / "jeans.png")).tile_bgr.shape == (40, 100, 3)


def test_the_fabrics_are_those_of_tops():
    tops = [name for name, kind in list_accessories().items() if kind == "top"]
    garments = {name for name in tops if load_accessory(name, "top").style in GARMENT_STYLES}
    assert sorted(set(tops) - garments) == list(FABRICS)
    assert np.ptp(load_bottom("denim").tile_bgr) > 0
