"""Labels a model gives to photos nobody labelled: votes by construction, one real photo set."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.training.dataset import find_names, read_photo
from training.self_label import (
    decide,
    label_folder,
    settle_sides,
    shows_one_person,
    vote,
    vote_both_ways,
)  # fmt: skip

pytestmark = pytest.mark.slow

PORTRAIT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
HAIR, FACE = 2, 13


def votes_of(*columns: tuple[float, ...]) -> np.ndarray:
    """One row of pixels; each column holds the shares of the labels."""
    return np.array(columns, np.float32).T[:, None]


def test_doubted_pixels_of_a_person_are_left_out_and_background_is_never():
    votes = votes_of((0.6, 0.1, 0.2, 0.1), (0.1, 0.8, 0.1, 0.0), (0.4, 0.3, 0.2, 0.1))
    assert decide(votes, 0.5).tolist() == [[0, 1, 255]]


def test_a_doubt_about_the_side_alone_is_none():
    votes = votes_of((0.1, 0.1, 0.35, 0.45), (0.1, 0.3, 0.3, 0.3))
    settled = settle_sides(votes, [(2, 3)])
    assert decide(settled, 0.5).tolist() == [[3, 2]]
    assert np.allclose(settled.sum(0), votes.sum(0))


@pytest.mark.parametrize(("others", "one"), [([], True), ([3], True), ([9], False)])
def test_several_people_are_told_from_one_with_scraps(others, one):
    labels = np.zeros((20, 40), np.uint8)
    labels[2:18, 3:10] = 1
    for size in others:
        labels[5 : 5 + size, 25 : 25 + size] = 1
    assert shows_one_person(labels) == one
    assert not shows_one_person(np.zeros_like(labels))


@pytest.fixture(scope="module")
def network():
    return HumanParser("starter").network


@pytest.fixture(scope="module")
def portrait():
    return cv2.imread(str(PORTRAIT))[:, :, ::-1]


def test_votes_decide_what_the_parser_decides(network, portrait):
    votes = vote(network, portrait)
    assert votes.shape == (20, *portrait.shape[:2])
    assert np.allclose(votes.sum(0), 1, atol=1e-4)
    parsed = HumanParser("starter").parse(np.ascontiguousarray(portrait[:, :, ::-1]))
    somebody = votes[0] <= 1 - network.config.foreground_threshold
    decided = np.where(somebody, votes[1:].argmax(0) + 1, 0)
    assert (decided == parsed.semantic_map).mean() > 0.99


def test_both_ways_is_the_same_for_the_mirror_image(network, portrait):
    mirrored = network.config.labels.mirrored_ids()[:20]
    there = vote_both_ways(network, portrait, mirrored)
    back = vote_both_ways(network, np.ascontiguousarray(portrait[:, ::-1]), mirrored)
    assert np.allclose(there, back[list(mirrored)][:, :, ::-1], atol=1e-5)


def test_a_folder_becomes_photos_with_labels(network, portrait, tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    Image.fromarray(portrait).save(given / "someone.jpg")
    Image.new("RGB", (96, 96), "white").save(given / "nobody.jpg")
    assert label_folder(network, given, tmp_path / "out", 0.5) == (1, 1)
    photo = read_photo(tmp_path / "out", find_names(tmp_path / "out")[0])
    assert photo.name == "someone"
    assert photo.labels.shape == portrait.shape[:2]
    assert {HAIR, FACE} < set(np.unique(photo.labels))
