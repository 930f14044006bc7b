"""What is taken out of a label map, whatever the network says about the garments it is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine import carried
from m2fp_cli.engine.carried import take_out_carried
from m2fp_cli.records.labels import CIHP_NAMES, LabelSet
from m2fp_cli.records.masks import Mask

LABELS = LabelSet(CIHP_NAMES)
COAT, PANTS, FACE = 7, 9, 13
SURE, UNSURE = 4.0, -4.0

Answer = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture
def asked(monkeypatch) -> Callable[[Answer], list[tuple[torch.Tensor, torch.Tensor]]]:
    """Has a network answer so; the list gets what it was shown."""

    def answer_with(answer: Answer) -> list[tuple[torch.Tensor, torch.Tensor]]:
        shown: list[tuple[torch.Tensor, torch.Tensor]] = []

        def network(pictures: torch.Tensor, guides: torch.Tensor) -> torch.Tensor:
            shown.append((pictures, guides))
            return answer(pictures, guides)

        monkeypatch.setattr(carried, "load_carried_network", lambda: network)
        return shown

    return answer_with


def everywhere(pictures: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return torch.full((len(pictures), 1, 64, 48), SURE)


def where_red(pictures: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    """Whatever is red is carried."""
    return F.avg_pool2d(pictures[:, :1], 4).gt(0.5).float() * (SURE - UNSURE) + UNSURE


def red_left_of(column: int, height: int, width: int) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :column, 2] = 255
    return picture


def person(height: int = 300, width: int = 200) -> np.ndarray:
    """A face, a coat over the middle of the photo's width, and trousers."""
    out = np.zeros((height, width), np.uint8)
    left, right = width // 4, width - width // 4
    out[height // 10 : height // 5, left:right] = FACE
    out[height // 5 : height // 2, left:right] = COAT
    out[height // 2 : height - height // 10, left:right] = PANTS
    return out


def take_out(labels: np.ndarray, picture: np.ndarray | None = None) -> np.ndarray:
    picture = np.zeros((*labels.shape, 3), np.uint8) if picture is None else picture
    return take_out_carried(labels, [Mask.from_full(labels > 0)], LABELS, picture)


def test_only_the_garment_is_taken_out_and_the_map_itself_stays(asked):
    asked(everywhere)
    labels = person()
    before = labels.copy()
    found = take_out(labels)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(found, np.where(before == COAT, 0, before))


def test_nothing_is_copied_where_nothing_is_carried(asked):
    asked(lambda pictures, _: torch.full((len(pictures), 1, 64, 48), UNSURE))
    labels = person()
    assert take_out(labels) is labels


@pytest.mark.parametrize("reduced", [1, 2, 3])
def test_an_answer_lies_where_the_network_saw_it(asked, reduced):
    asked(where_red)
    labels = person(300, 240)
    picture = red_left_of(120 // reduced, 300 // reduced, 240 // reduced)
    gone = (labels == COAT) & (take_out(labels, picture) == 0)
    expected = (labels == COAT) & (np.arange(240) < 120)
    assert np.count_nonzero(gone != expected) <= 90 * reduced  # rows, a column of the picture


def test_bands_give_what_the_whole_gives(asked, monkeypatch):
    asked(where_red)
    labels = person()
    picture = red_left_of(0, *labels.shape)
    picture[80:120, 70:110, 2] = 255
    whole = take_out(labels, picture)
    monkeypatch.setattr(carried, "_BAND", 7)
    np.testing.assert_array_equal(take_out(labels, picture), whole)
    assert 0 < np.count_nonzero(whole == COAT) < np.count_nonzero(labels == COAT)


def test_the_network_sees_the_garment_in_the_middle_with_its_guides(asked):
    shown = asked(everywhere)
    labels = person(300, 200)
    picture = np.zeros((300, 200, 3), np.uint8)
    picture[labels == COAT] = (255, 128, 0)  # blue, green, red
    take_out(labels, picture)
    _, (pixels, guides) = shown  # behind the mirror image
    assert pixels[0, :, 128, 96].tolist() == pytest.approx([0.0, 128 / 255, 1.0])
    assert guides.sum(1).eq(1).all()
    assert guides[0, :, 128, 96].tolist() == [1, 0, 0]
    assert guides[0, :, 5, 96].tolist() == [0, 1, 0]  # the face above
    assert guides[0, :, 128, 3].tolist() == [0, 0, 1]
    there = pixels[0, 2] > 0.5  # blue is the last of RGB
    assert (guides[0, 0].bool() != there).float().mean() < 0.02


def test_what_lies_beyond_the_photo_is_black_and_nobodys(asked):
    shown = asked(everywhere)
    labels = np.full((120, 40), COAT, np.uint8)
    take_out(labels, np.full((120, 40, 3), 200, np.uint8))
    _, (pixels, guides) = shown  # behind the mirror image
    assert pixels[0, :, :, 0].eq(0).all()
    assert guides[0, 2, :, 0].eq(1).all()
    assert guides[0, 0, 128, 96] == 1


def test_everybody_has_a_window_of_their_own(asked):
    shown = asked(everywhere)
    one = person(300, 100)
    labels = np.hstack([one] * 6)
    masks = []
    for index in range(6):
        own = np.zeros(labels.shape, np.bool_)
        own[:, 100 * index : 100 * (index + 1)] = labels[:, 100 * index : 100 * (index + 1)] > 0
        masks.append(Mask.from_full(own))
    picture = np.zeros((*labels.shape, 3), np.uint8)
    found = take_out_carried(labels, masks, LABELS, picture)
    assert sum(len(pixels) for pixels, _ in shown) == 2 * 6  # each and its mirror image
    assert not (found == COAT).any()


def test_specks_and_models_without_such_garments_are_left_alone(asked):
    shown = asked(everywhere)
    small = person(60, 40)
    assert take_out(small) is small
    other = LabelSet(("Background", "Hair"))
    labels = (person() > 0).astype(np.uint8)
    picture = np.zeros((*labels.shape, 3), np.uint8)
    assert take_out_carried(labels, [Mask.from_full(labels > 0)], other, picture) is labels
    assert not shown


def test_a_panorama_wider_than_opencv_warps(asked):
    asked(where_red)
    labels = np.zeros((200, 40_000), np.uint8)
    labels[40:160, 39_000:39_120] = COAT
    found = take_out(labels, red_left_of(39_060, 200, 40_000))
    assert (found[40:160, 39_000:39_055] == 0).all()
    assert (found[40:160, 39_065:39_120] == COAT).all()


def test_small_pieces_and_those_that_are_nowhere_sure_stay(asked):
    asked(lambda pictures, _: F.avg_pool2d(pictures[:, :1], 4) * 10 - 5)
    labels = np.zeros((300, 240), np.uint8)
    labels[20:280, 20:220] = COAT
    picture = np.zeros((300, 240, 3), np.uint8)
    picture[60:100, 60:100, 2] = 255  # sure
    picture[60:100, 140:180, 2] = 160  # a logit of 1.3
    picture[200:206, 60:66, 2] = 255  # a speck
    gone = (labels == COAT) & (take_out(labels, picture) == 0)
    assert gone[64:96, 64:96].all()
    assert not gone[:, 120:].any()
    assert not gone[150:].any()
