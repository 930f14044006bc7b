"""Training data: the split, composed scenes, the exactness of a resumed stream."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch.testing._comparison import assert_close

from m2fp_cli.records.labels import CIHP
from training.batches import SceneSamples, load_batches, person_masks
from training.compose import SceneComposer, SceneOdds
from training.dataset import (
    LabelledPhoto,
    find_names,
    label_frequencies,
    read_photo,
    sampling_weights,
    split_names,
)
from training.team import Team

LEFT_SHOE, RIGHT_SHOE, HAIR = CIHP.id_of("Left-shoe"), CIHP.id_of("Right-shoe"), CIHP.id_of("Hair")


def draw_photo(name: str = "0001", size_hw: tuple[int, int] = (96, 64)) -> LabelledPhoto:
    """A figure in the middle: hair on top, the left shoe on the right-hand side below."""
    labels = np.zeros(size_hw, np.uint8)
    labels[10:80, 24:40] = HAIR
    labels[70:80, 32:40] = LEFT_SHOE
    labels[70:80, 24:32] = RIGHT_SHOE
    rgb = np.repeat(labels[..., None] * 10, 3, axis=2)
    return LabelledPhoto(name, rgb, labels)


def composer(odds: SceneOdds | None = None) -> SceneComposer:
    return SceneComposer([draw_photo()], None, CIHP.mirrored_ids(), odds or SceneOdds())


def test_a_hundred_photos_at_most_are_held_out_and_never_trained_on():
    names = [f"{i:04}" for i in range(1, 1001)]
    training, held_out = split_names(names)
    assert len(held_out) == 100
    assert not set(training) & set(held_out)
    assert sorted(training + held_out) == names
    assert held_out[:2] == ["0008", "0016"]


def test_only_photos_with_labels_are_found_and_large_ones_are_scaled_down(tmp_path):
    for folder in ("photos", "labels"):
        (tmp_path / folder).mkdir()
    photo = draw_photo()
    for name in ("1", "2"):
        cv2.imwrite(str(tmp_path / "photos" / f"{name}.jpg"), photo.rgb)
    cv2.imwrite(str(tmp_path / "labels" / "2.png"), photo.labels)
    assert find_names(tmp_path) == ["2"]
    small = read_photo(tmp_path, "2", max_height=48)
    assert small.rgb.shape == (48, 32, 3)
    np.testing.assert_array_equal(small.labels, photo.labels[::2, ::2])


def test_frequencies_leave_unknown_pixels_out():
    labels = np.array([[0, 0, 1, 255]], np.uint8)
    photo = LabelledPhoto("a", np.zeros((1, 4, 3), np.uint8), labels)
    np.testing.assert_allclose(label_frequencies([photo], 3), [2 / 3, 1 / 3, 0])


def test_photos_with_rare_labels_are_drawn_more_often():
    common = [LabelledPhoto(str(i), np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8))
              for i in range(99)]  # fmt: skip
    rare = LabelledPhoto("rare", np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 3, np.uint8))
    weights = sampling_weights([*common, rare], 20)
    assert weights[-1] == pytest.approx(3 * weights[0])


def test_a_mirrored_person_still_has_the_left_shoe_on_the_same_side_of_the_picture():
    mirrored = set()
    for seed in range(12):
        photo = composer()._photo(np.random.default_rng(seed))
        assert (photo.labels[75, 32:40] == LEFT_SHOE).all()
        assert (photo.labels[75, 24:32] == RIGHT_SHOE).all()
        mirrored.add(bool(photo.rgb[75, 35, 0] == RIGHT_SHOE * 10))
    assert mirrored == {True, False}


def test_every_person_lies_on_labels_and_background_on_nobody():
    for seed in range(20):
        scene = composer().draw(np.random.default_rng(seed), (64, 96))
        assert scene.rgb.shape == (64, 96, 3)
        np.testing.assert_array_equal(scene.people > 0, scene.labels > 0)
        assert scene.people.max(initial=0) <= scene.count


def test_some_scenes_hold_nobody():
    scene = composer(SceneOdds(nobody=1.0)).draw(np.random.default_rng(0), (64, 64))
    assert not scene.labels.any()
    assert scene.count == 0


def test_a_pasted_person_hides_who_is_behind():
    scene = composer().draw_people(np.random.default_rng(3), (96, 96), 4)
    assert scene.count == 4
    assert scene.people[scene.labels > 0].min() >= 1


def test_a_resumed_stream_gives_the_batches_the_first_one_would_have():
    samples = SceneSamples(composer(), (64, 64), seed=5)
    whole = list(load_batches(samples, 0, 3, 2, 0, Team()))
    resumed = next(load_batches(samples, 2, 1, 2, 0, Team()))
    assert_close(whole[2].images, resumed.images)
    assert torch.equal(whole[2].labels, resumed.labels)


def test_a_team_shares_a_batch_without_overlap():
    samples = SceneSamples(composer(), (64, 64), seed=5)
    alone = next(load_batches(samples, 0, 1, 4, 0, Team()))
    halves = [next(load_batches(samples, 0, 1, 4, 0, Team(rank, 2))) for rank in (0, 1)]
    assert_close(alone.images[0::2], halves[0].images)
    assert_close(alone.images[1::2], halves[1].images)


def test_people_too_small_to_see_are_not_asked_for():
    people = torch.zeros(10, 10, dtype=torch.uint8)
    people[:4, :5] = 2
    people[9, 9] = 3
    masks = person_masks(people)
    assert masks.shape == (1, 10, 10)
    assert masks.sum() == 20
