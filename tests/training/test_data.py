"""Training data: the split, composed scenes, the exactness of a resumed stream."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing._comparison import assert_close

from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.batches import SceneSamples, load_batches, person_masks
from m2fp_cli.training.compose import SceneComposer, SceneOdds
from m2fp_cli.training.dataset import (
    IGNORE,
    SOMEBODY,
    Bytes,
    LabelledPhoto,
    StoredPhoto,
    combine,
    find_names,
    rarity_weights,
    read_photo,
    split_names,
)
from m2fp_cli.training.drawing import EvenDrawer, PoolDrawer
from m2fp_cli.training.ranks import Ranks
from m2fp_cli.training.sources import Source, make_pool, mean_frequencies
from m2fp_cli.training.views import frame_photo

LEFT_SHOE, RIGHT_SHOE, HAIR = CIHP.id_of("Left-shoe"), CIHP.id_of("Right-shoe"), CIHP.id_of("Hair")


def draw_photo(name: str = "0001", size_hw: tuple[int, int] = (96, 64)) -> LabelledPhoto:
    """A figure in the middle: hair on top, the left shoe on the right-hand side below."""
    labels = np.zeros(size_hw, np.uint8)
    labels[10:80, 24:40] = HAIR
    labels[70:80, 32:40] = LEFT_SHOE
    labels[70:80, 24:32] = RIGHT_SHOE
    rgb = np.repeat(labels[..., None] * 10, 3, axis=2)
    return LabelledPhoto(name, rgb, labels, (labels > 0).astype(np.uint8))


def draw_group() -> LabelledPhoto:
    """Two people side by side, the second one's parts unknown, and a crowd on the right."""
    people = np.zeros((96, 128), np.uint8)
    people[10:90, 8:30], people[10:90, 40:62], people[30:90, 100:] = 1, 2, IGNORE
    labels = np.array([0, HAIR, SOMEBODY], np.uint8)[np.minimum(people, 2)]
    labels[people == IGNORE] = IGNORE
    return LabelledPhoto("group", np.repeat(labels[..., None], 3, axis=2), labels, people)


def composer(odds: SceneOdds | None = None, photo: LabelledPhoto | None = None) -> SceneComposer:
    drawer = EvenDrawer([photo or draw_photo()], CIHP.mirrored_ids())
    return SceneComposer(drawer, odds or SceneOdds())


def encode(plane: Bytes, ending: str = ".png") -> bytes:
    return bytes(cv2.imencode(ending, plane)[1])


def stored(labels: Bytes, people: Bytes | None = None, rgb: Bytes | None = None) -> StoredPhoto:
    rgb = np.zeros((*labels.shape, 3), np.uint8) if rgb is None else rgb
    coded = None if people is None else encode(people)
    return StoredPhoto("a", encode(rgb, ".jpg"), encode(labels), coded)


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


def test_frequencies_leave_unknown_pixels_out_and_follow_the_shares():
    one = make_pool(Source("a", 1.0), [stored(np.array([[0, 0, 1, 255]], np.uint8))], 3)
    np.testing.assert_allclose(one.frequencies, [2 / 3, 1 / 3, 0])
    other = make_pool(Source("b", 3.0), [stored(np.array([[2]], np.uint8))], 3)
    np.testing.assert_allclose(mean_frequencies([one, other]), [2 / 12, 1 / 12, 9 / 12])


def test_photos_with_rare_labels_are_drawn_more_often():
    counts = np.zeros((100, 20))
    counts[:, 0], counts[-1, 3] = 5, 1
    weights = rarity_weights(counts)
    assert weights[-1] == pytest.approx(3 * weights[0])


def test_labels_and_people_agree_on_what_is_unknown():
    labels = np.array([[0, 5, 255, 255, 7]], np.uint8)
    people = np.array([[0, 1, 1, 255, 255]], np.uint8)
    assert combine(labels, people).tolist() == [[0, 5, SOMEBODY, IGNORE, IGNORE]]
    photo = stored(labels).decode()  # no people: everything with a label is one person
    assert photo.people.tolist() == [[0, 1, 1, 1, 1]]


def test_a_source_leaves_out_who_is_listed_and_keeps_a_fold(tmp_path: Path):
    for kind, ending in (("photos", "jpg"), ("labels", "png")):
        (tmp_path / kind).mkdir()
        for name in "abcdefgh":
            cv2.imwrite(str(tmp_path / kind / f"{name}.{ending}"), np.zeros((4, 4), np.uint8))
    (tmp_path / "out.txt").write_text("b\nd\n")
    source = Source(tmp_path.name, held_out="out.txt", fold=5)
    learned, fold, held_out = source.split(source.find([tmp_path.parent]))
    assert (learned, fold, held_out) == (["c", "e", "f", "g"], ["a", "h"], ["b", "d"])
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        Source("elsewhere").find([tmp_path])


@pytest.mark.parametrize("fold", [True, 1, -5])
def test_a_fold_never_keeps_every_photo(fold):
    with pytest.raises(ValueError, match="from 2 on"):
        Source("coco", fold=fold)


def test_guessed_parts_can_be_forgotten_and_empty_photos_are_backgrounds():
    photo = draw_group()
    guessed = make_pool(Source("guess", parts=0.0), [stored(photo.labels, photo.people)], 20)
    empty = StoredPhoto("empty", encode(np.full((8, 8, 3), 90, np.uint8), ".jpg"), None, None)
    nobody = make_pool(Source("nobody", labels=None), [empty], 20)
    drawer = PoolDrawer([guessed, nobody], CIHP.mirrored_ids(), 96)
    rng = np.random.default_rng(0)
    assert set(np.unique(drawer.whole(rng).labels)) == {0, SOMEBODY, IGNORE}
    background = drawer.empty(rng)
    assert background is not None
    assert not background.labels.any()


def test_a_mirrored_person_still_has_the_left_shoe_on_the_same_side_of_the_picture():
    mirrored = set()
    for seed in range(12):
        photo = composer().drawer.whole(np.random.default_rng(seed))
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


def test_people_of_a_group_stay_apart_and_unknown_ones_unknown():
    odds = SceneOdds(nobody=0, cutouts_only=0, side_by_side=0.4, mosaic=0.4, crowd=0.5)
    for seed in range(20):
        scene = composer(odds, draw_group()).draw(np.random.default_rng(seed), (96, 128))
        ids = np.unique(scene.people)
        assert ids[(ids > 0) & (ids < IGNORE)].max(initial=0) <= scene.count
        np.testing.assert_array_equal(scene.people == IGNORE, scene.labels == IGNORE)
        np.testing.assert_array_equal(scene.people > 0, scene.labels > 0)
    assert {len(np.unique(scene.labels[scene.people == i])) for i in ids[1:-1]} <= {1}


def test_a_view_as_in_use_covers_its_box_upright_with_the_photo_in_the_middle():
    photo, box, scales = draw_photo(), (10, 20, 58, 92), (0.7, 3.0)  # 1.5 times as high as wide
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view = frame_photo(photo, rng, box, scales, close_up=1, max_degrees=90, as_in_use=1)
        np.testing.assert_allclose(view.matrix[:, :2], view.scale * np.eye(2), atol=1e-12)
        assert 0.75 * np.exp(-0.15) <= view.scale <= 0.75 * np.exp(0.15)
        middle = view.matrix @ (32, 48, 1)
        assert np.all(np.abs(middle - (34, 56)) <= 0.05 * view.scale * np.array((64, 96)))


def test_some_scenes_hold_nobody():
    scene = composer(SceneOdds(nobody=1.0)).draw(np.random.default_rng(0), (64, 64))
    assert not scene.labels.any()
    assert scene.count == 0


def test_a_pasted_person_hides_who_is_behind():
    scene = composer().draw_people(np.random.default_rng(3), (96, 96), 4)
    assert scene.count == 4
    assert scene.people[scene.labels > 0].min() >= 1


def test_a_resumed_stream_gives_the_batches_the_first_one_would_have():
    samples = SceneSamples(composer(), (64, 96), seed=5, batch=2)
    whole = list(load_batches(samples, 0, 3, 0, Ranks(), 9))
    resumed = next(load_batches(samples, 2, 1, 0, Ranks(), 9))
    assert [batch.images.shape[-2:] for batch in whole] == [(64, 96), (96, 64), (64, 96)]
    assert_close(whole[2].images, resumed.images)
    assert torch.equal(whole[2].labels, resumed.labels)


def test_a_team_shares_a_batch_without_overlap():
    samples = SceneSamples(composer(), (64, 64), seed=5, batch=4)
    alone = next(load_batches(samples, 0, 1, 0, Ranks(), 9))
    halves = [next(load_batches(samples, 0, 1, 0, Ranks(rank, 2), 9)) for rank in (0, 1)]
    assert_close(alone.images[0::2], halves[0].images)
    assert_close(alone.images[1::2], halves[1].images)


def test_people_too_small_to_see_or_too_many_are_not_asked_for():
    people = torch.zeros(10, 10, dtype=torch.uint8)
    people[:4, :5], people[5:9, :4] = 2, 4
    people[9, 9], people[0, 9] = 3, IGNORE
    masks, known = person_masks(people, 9)
    assert masks.sum((1, 2)).tolist() == [20, 16]
    assert (~known).nonzero().tolist() == [[0, 9], [9, 9]]
    masks, known = person_masks(people, 1)
    assert masks.sum((1, 2)).tolist() == [20]
    assert (~known).sum() == 16 + 2


def test_a_photo_above_the_limit_of_pillow_is_read(monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    photo = draw_photo()
    planes = encode(photo.labels), encode(photo.people)
    large = StoredPhoto("0001", encode(photo.rgb, ".jpg"), *planes)
    assert (large.decode().labels == photo.labels).all()
    assert large.decode(48).rgb.shape == (48, 32, 3)
    assert StoredPhoto("0001", large.photo, None, None).decode().labels.shape == (96, 64)
    assert not recwarn.list
