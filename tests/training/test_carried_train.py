"""Learning what people carry: views of garments, norms that become part of weights, resuming."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing._comparison import assert_close

from m2fp_cli.network.carried_network import INPUT_HW, CarriedNetwork
from training import carried_train
from training.carried_train import Learner, fold_norms
from training.carried_views import Garment, Photo, Sample, draw_sample, find_garments

COAT, FACE = 7, 13


def drawn_photo(*, with_bag: bool = True) -> Photo:
    """A person in a gray coat, with a red bag before it, and something that cannot be told."""
    picture = np.full((160, 120, 3), 90, np.uint8)
    labels = np.zeros((160, 120), np.uint8)
    labels[10:30, 45:75], labels[30:130, 30:90] = FACE, COAT
    carried = np.zeros_like(labels)
    carried[135:150, 30:60] = 255
    if with_bag:
        carried[80:110, 50:80] = 1
        picture[80:110, 50:80] = (0, 0, 200)
    return Photo(picture, labels, (labels > 0).astype(np.uint16), carried)


def samples(count: int, *photos: Photo) -> list[Sample]:
    garments = find_garments(photos)
    return [draw_sample(garments, np.random.default_rng((1, n))) for n in range(count)]


@pytest.fixture
def unread_backbone(monkeypatch) -> None:
    """No package is needed."""
    monkeypatch.setattr(carried_train, "find_weights", lambda _: None)
    monkeypatch.setattr(torch, "load", lambda path: path and torch_load(path))
    monkeypatch.setattr(carried_train, "begin_with", lambda *_: None)


torch_load = torch.load


def test_garments_are_boxed_and_know_what_is_before_them():
    with_bag, without = find_garments([drawn_photo(), drawn_photo(with_bag=False)])
    assert with_bag.box_xyxy == without.box_xyxy == (30, 30, 90, 130)
    assert (with_bag.has_carried, without.has_carried) == (True, False)
    assert (with_bag.is_hard, without.is_hard) == (True, False)


def test_strangers_far_behind_are_left_out():
    photo = drawn_photo()
    photo.labels[5:35, 90:118], photo.people[5:35, 90:118] = COAT, 2
    assert [garment.person for garment in find_garments([photo])] == [1]


def test_views_are_the_same_whenever_they_are_drawn_and_fit_together():
    first, again = (samples(12, drawn_photo(), drawn_photo(with_bag=False)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.pixels.shape == one.guides.shape == (3, *INPUT_HW)
        np.testing.assert_allclose(one.guides.sum(0), 1)
        assert one.weights[one.carried > 0].min(initial=2) >= 2
    assert 4 < sum(one.carried.any() for one in first) < 12


def test_nothing_is_learned_where_it_cannot_be_told():
    photo = drawn_photo()
    photo.carried[:] = 255
    garment = Garment(photo, 1, (30, 30, 90, 130), True, True)
    drawn = draw_sample([garment, Garment(photo, 1, (30, 30, 90, 130), False, False)],
                        np.random.default_rng(0))  # fmt: skip
    assert not drawn.weights.any()


def test_norms_become_part_of_the_weights():
    torch.manual_seed(3)
    normed = CarriedNetwork(normed=True)
    pictures, guides = torch.rand(2, 3, *INPUT_HW), torch.rand(2, 3, *INPUT_HW)
    normed.train()(pictures, guides)  # moves the norms' means
    plain = CarriedNetwork()
    plain.load_state_dict({k: v.float() for k, v in fold_norms(normed.state_dict()).items()})
    with torch.inference_mode():
        expected, found = normed.eval()(pictures, guides), plain.eval()(pictures, guides)
    assert (found - expected).abs().max() < 0.01 * expected.abs().max()


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path, unread_backbone, monkeypatch):
    monkeypatch.setattr(carried_train, "_BATCH", 1)
    monkeypatch.setattr(carried_train, "_KEEP_EVERY", 1)
    garments = find_garments([drawn_photo(), drawn_photo(with_bag=False)])
    ends = []
    for name, stops in (("whole", (2,)), ("stopped", (1, 2))):
        for stop in stops:
            torch.manual_seed(1)
            learner = Learner(Path(tmp_path / f"{name}.pt"), 2)
            carried_train.train(garments, garments, learner, stop)
        ends.append(learner.mean)
    for key, value in ends[0].items():
        assert_close(ends[1][key], value, atol=1e-6, rtol=1e-5)
