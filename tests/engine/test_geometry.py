"""Masks at photo resolution, against torch's two-step interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine.geometry import InputGeometry, MaskGeometry

FRAMES = {
    "enlarged": InputGeometry((150, 210), (64, 96), (0, 0, 90, 61)),
    "shrunk": InputGeometry((23, 31), (64, 96), (0, 0, 90, 61)),
    "same": InputGeometry((64, 96), (64, 96), (0, 0, 96, 64)),
    "centered": InputGeometry((77, 40), (96, 64), (11, 5, 51, 90)),
    "tiny": InputGeometry((1, 1), (32, 32), (0, 0, 32, 32)),
    "thin": InputGeometry((3, 300), (32, 64), (0, 0, 64, 1)),
}


def two_steps(masks: torch.Tensor, frame: InputGeometry) -> torch.Tensor:
    """What the reference does: to the padded input, cut, to the photo."""
    x0, y0, x1, y1 = frame.content_xyxy
    up = F.interpolate(masks[None], frame.padded_hw, mode="bilinear", align_corners=False)
    cut = up[:, :, y0:y1, x0:x1]
    return F.interpolate(cut, frame.image_hw, mode="bilinear", align_corners=False)[0]


def mask_logits(frame: InputGeometry) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    hw = (frame.padded_hw[0] // 4, frame.padded_hw[1] // 4)
    return torch.randn(5, *hw, generator=generator)


@pytest.mark.parametrize("name", FRAMES)
def test_whole_planes_equal_the_reference(name):
    frame = FRAMES[name]
    masks = mask_logits(frame)
    axes = MaskGeometry.build(frame, tuple(masks.shape[1:]))
    ours = axes.resample(masks, (0, 0, frame.image_hw[1], frame.image_hw[0]))
    assert torch.allclose(ours, two_steps(masks, frame), atol=2e-5)


@pytest.mark.parametrize("name", FRAMES)
def test_a_box_is_a_window_of_the_plane(name):
    frame = FRAMES[name]
    masks = mask_logits(frame)
    height, width = frame.image_hw
    box = (width // 3, height // 4, width, height // 4 + (height + 1) // 2)
    ours = MaskGeometry.build(frame, tuple(masks.shape[1:])).resample(masks, box)
    plane = two_steps(masks, frame)
    assert torch.allclose(ours, plane[:, box[1] : box[3], box[0] : box[2]], atol=2e-5)


@pytest.mark.parametrize("name", FRAMES)
def test_support_holds_every_positive_pixel(name):
    frame = FRAMES[name]
    masks = mask_logits(frame).sub(2.0)
    axes = MaskGeometry.build(frame, tuple(masks.shape[1:]))
    for mask, plane in zip(masks, two_steps(masks, frame), strict=True):
        x0, y0, x1, y1 = axes.support_xyxy(torch.gt(mask, 0).numpy())
        outside = plane.clone()
        outside[y0:y1, x0:x1] = -1
        assert not (outside > 0).any()


def test_mirrored_axes_undo_a_mirrored_photo():
    frame = FRAMES["centered"]
    masks = mask_logits(frame)
    box = (0, 0, frame.image_hw[1], frame.image_hw[0])
    mirrored = MaskGeometry.build(frame, tuple(masks.shape[1:]), mirrored=True)
    assert torch.allclose(mirrored.resample(masks, box).flip(2), two_steps(masks, frame), atol=2e-5)


def test_no_positive_cell_means_an_empty_box():
    axes = MaskGeometry.build(FRAMES["same"], (16, 24))
    nothing = torch.full((16, 24), -1.0)
    box = axes.support_xyxy(torch.gt(nothing, 0).numpy())
    assert axes.resample(nothing, box).numel() == 0


@pytest.mark.parametrize("name", FRAMES)
def test_the_highest_plane_is_the_same_in_the_box_where_it_may_be_another(name):
    frame = FRAMES[name]
    planes = mask_logits(frame)
    planes[0] += 9.0  # ahead in most cells, as background is
    rows, columns = (slice(side // 4, side // 2) for side in planes.shape[1:])
    planes[2, rows, columns] = planes[0, rows, columns] + 0.5
    axes = MaskGeometry.build(frame, tuple(planes.shape[1:]), mirrored=True)
    whole = axes.argmax(planes, np.empty(frame.image_hw, np.float32))
    assert np.array_equal(axes.argmax(planes), whole)


def test_pixels_that_are_surely_background_are_not_computed(monkeypatch):
    planes = torch.zeros((2, 16, 24))
    planes[0] = 9.0
    planes[1, 4:6, 3:5] = 10.0
    computed = []

    def compute(cells, rows, columns):
        computed.append(len(rows) * len(columns))
        return 1

    monkeypatch.setattr("m2fp_cli.engine.geometry.argmax_planes", compute)
    axes = MaskGeometry.build(FRAMES["same"], (16, 24))
    assert axes.argmax(planes).sum() == computed[0] < 64 * 96 / 8
