"""Scaling and padding: torchvision's numbers, the reference's sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.preprocess import (
    fitted_hw,
    mirror_input,
    prepare_image,
    shortest_edge_hw,
)
from m2fp_cli.network.model_config import InputConfig
from tests.support.family import photo_of_size

HUB = InputConfig()


@pytest.mark.parametrize(
    ("image_hw", "scaled_hw"),
    [
        ((480, 640), (640, 853)),  # shortest edge to 640
        ((640, 480), (853, 640)),
        ((1080, 1920), (640, 1138)),
        ((1000, 3000), (444, 1333)),  # longest edge capped at 1333
        ((3000, 1000), (1333, 444)),
        ((40, 40), (640, 640)),
        ((1, 5000), (1, 1333)),  # never below one pixel
    ],
)
def test_sizes_are_those_of_the_shortest_edge_rule(image_hw, scaled_hw):
    assert shortest_edge_hw(image_hw, HUB) == scaled_hw


def test_padding_is_right_and_below_and_zero():
    prepared = prepare_image(photo_of_size(100, 150), InputConfig(min_size=100, max_size=200))
    assert prepared.geometry.padded_hw == (128, 160)
    assert prepared.geometry.content_xyxy == (0, 0, 150, 100)
    assert not prepared.tensor[:, :, 100:].any()
    assert not prepared.tensor[:, :, :, 150:].any()


def test_pixels_are_normalized_rgb():
    blue = np.zeros((32, 32, 3), dtype=np.uint8)
    blue[:, :, 0] = 255
    pixel = prepare_image(blue, InputConfig(min_size=32)).tensor[0, :, 5, 5]
    wanted = [(0 - 123.675) / 58.395, (0 - 116.28) / 57.12, (255 - 103.53) / 57.375]
    assert pixel.tolist() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("image_hw", "wanted"),
    [
        ((300, 200), (300, 200)),  # fits: stays
        ((1024, 768), (512, 384)),  # both too large, portrait
        ((600, 900), (256, 384)),  # both too large, landscape
        ((600, 590), (390, 384)),  # height first leaves it too wide; int(384 * 600 / 590) = 390
        ((600, 100), (512, 85)),  # too high only
        ((100, 800), (48, 384)),  # too wide only
    ],
)
def test_single_human_photos_are_fitted_without_enlarging(image_hw, wanted):
    assert fitted_hw(image_hw, (512, 384)) == wanted


def test_single_human_photos_are_centered_on_gray():
    prepared = prepare_image(photo_of_size(101, 50), InputConfig(crop_hw=(128, 96)))
    assert prepared.geometry.content_xyxy == (23, 13, 73, 114)
    gray = torch.tensor([(128 - 123.675) / 58.395])
    assert torch.allclose(prepared.tensor[0, 0, 0, 0], gray)


def test_mirroring_turns_the_photo_and_leaves_the_padding():
    prepared = prepare_image(photo_of_size(64, 80), InputConfig(min_size=64))
    mirrored = mirror_input(prepared).tensor
    assert torch.equal(mirrored[..., :80], prepared.tensor[..., :80].flip(3))
    assert not mirrored[..., 80:].any()


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (4, 4, 1)])
def test_arrays_that_are_no_photo_are_named(shape):
    with pytest.raises(ValueError, match=r"uint8 \(H, W, 3\) BGR, got"):
        prepare_image(np.zeros(shape, dtype=np.uint8), HUB)
