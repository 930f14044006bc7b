"""Masks along the photo's edges, against a slow twin and against scenes whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine import mask_edges
from m2fp_cli.engine.mask_edges import Guide, filter_mask, likely_queries, refine_edges
from m2fp_cli.engine.preprocess import PIXEL_STD
from m2fp_cli.network.mask_decoder import QueryPrediction

HEIGHT, WIDTH, STEP = 48, 64, 4


def network_input(colors: np.ndarray) -> torch.Tensor:
    """(H, W, 3) colors in [0, 1] as the network's input, but for the mean."""
    planes = torch.from_numpy(colors.astype(np.float32)).permute(2, 0, 1)[None]
    return planes * 255 / torch.tensor(PIXEL_STD)[:, None, None]


def around(plane: np.ndarray, y: int, x: int) -> np.ndarray:
    """The nine values around a cell, the border repeated."""
    rows, columns = (
        np.clip([i - 1, i, i + 1], 0, size - 1)
        for i, size in zip((y, x), plane.shape, strict=False)
    )
    return plane[np.ix_(rows, columns)].reshape(9, *plane.shape[2:])


def slow_filter(colors: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The guided filter cell by cell: least squares with a penalty on the factors."""
    coarse = colors.reshape(*logits.shape[:1], STEP, logits.shape[1], STEP, 3).mean((1, 3))
    function = np.zeros((*logits.shape, 4))
    for cell in np.ndindex(*logits.shape):
        color, value = around(coarse, *cell), around(logits.clip(-3, 3), *cell)
        centered = color - color.mean(0)
        spread = centered.T @ centered / 9 + 1e-3 * np.eye(3)
        factors = np.linalg.solve(spread, centered.T @ (value - value.mean()) / 9)
        function[cell] = *factors, value.mean() - factors @ color.mean(0)
    smooth = np.array([around(function, *cell).mean(0) for cell in np.ndindex(*logits.shape)])
    planes = torch.from_numpy(smooth.reshape(1, *logits.shape, 4)).permute(0, 3, 1, 2)
    fine = F.interpolate(planes, colors.shape[:2], mode="bilinear")[0].permute(1, 2, 0).numpy()
    return 2 * ((fine[:, :, :3] * colors).sum(2) + fine[:, :, 3])


def filtered(colors: np.ndarray, logits: np.ndarray) -> np.ndarray:
    guide = Guide.from_input(network_input(colors), (logits.shape[0], logits.shape[1]))
    mask = np.full(colors.shape[:2], -6, np.float32)
    filter_mask(guide, logits.astype(np.float32), mask)
    return mask


@pytest.mark.parametrize("seed", range(3))
def test_the_filter_is_that_of_the_slow_twin(seed):
    rng = np.random.default_rng(seed)
    colors = rng.random((HEIGHT, WIDTH, 3))
    logits = rng.normal(0, 4, (HEIGHT // STEP, WIDTH // STEP))
    wanted = slow_filter(colors, logits)
    assert np.abs(filtered(colors, logits) - wanted).max() < 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("corner_yx", [(0, 0), (4, 6), (8, 12)])
def test_a_small_mask_is_filtered_as_in_the_whole_photo(corner_yx):
    rng = np.random.default_rng(7)
    colors, (y, x) = rng.random((HEIGHT, WIDTH, 3)), corner_yx
    logits = np.full((HEIGHT // STEP, WIDTH // STEP), -20.0)
    logits[y : y + 3, x : x + 3] = 5
    assert np.abs(filtered(colors, logits) - slow_filter(colors, logits)).max() < 1e-2


@pytest.mark.parametrize("edge", [29, 30, 31, 33])
def test_a_mask_ends_where_the_color_does_not_where_its_cells_do(edge):
    colors = np.full((HEIGHT, WIDTH, 3), 0.8)
    colors[:, :edge] = (0.3, 0.1, 0.2)
    share = (colors[:, :, 0] < 0.5).reshape(HEIGHT // STEP, STEP, WIDTH // STEP, STEP).mean((1, 3))
    mask = filtered(colors, 8 * share - 4)
    assert ((mask > 0) == (colors[:, :, 0] < 0.5)).all()


def averaged(planes: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), 3, 1)


def test_where_the_photo_is_flat_a_mask_is_averaged_twice():
    logits = np.random.default_rng(1).uniform(-2.9, 2.9, (HEIGHT // STEP, WIDTH // STEP))
    smooth = averaged(averaged(torch.from_numpy(logits)[None, None]))
    wanted = 2 * F.interpolate(smooth, (HEIGHT, WIDTH), mode="bilinear")[0, 0].numpy()
    assert np.abs(filtered(np.full((HEIGHT, WIDTH, 3), 0.4), logits) - wanted).max() < 1e-3


def prediction_of(probabilities: list[float]) -> QueryPrediction:
    """A query each for one class with that probability, else for none."""
    classes = torch.tensor([[chance, 1 - chance] for chance in probabilities]).view(1, -1, 2)
    masks = torch.randn(1, len(probabilities), HEIGHT // STEP, WIDTH // STEP)
    return QueryPrediction(classes.log(), masks)


def test_queries_that_are_nothing_are_left_out():
    prediction = prediction_of([0.9, 0.001, 0.4, 0.0001])
    kept = likely_queries(prediction)
    assert torch.equal(kept.class_logits, prediction.class_logits[:, [0, 2]])
    assert torch.equal(kept.mask_logits, prediction.mask_logits[:, [0, 2]])


@pytest.mark.parametrize("queries", [0, 2])
def test_masks_come_at_the_size_of_the_input(queries):
    image = network_input(np.zeros((HEIGHT, WIDTH, 3)))
    found = refine_edges(prediction_of([0.5] * queries), image)
    assert found.mask_logits.shape == (1, queries, HEIGHT, WIDTH)


def test_a_mask_that_is_nowhere_stays_nowhere():
    mask = filtered(np.random.default_rng(0).random((HEIGHT, WIDTH, 3)), np.full((12, 16), -9.0))
    assert (mask == -6).all()


def test_it_is_compiled_once_wherever_masks_lie():
    colors = np.random.default_rng(0).random((HEIGHT, WIDTH, 3))
    for box in (np.s_[:, :], np.s_[4:6, :], np.s_[:, 5:7], np.s_[4:6, 5:7]):
        logits = np.full((HEIGHT // STEP, WIDTH // STEP), -9.0)
        logits[box] = 4
        assert (filtered(colors, logits) > 0).any()
    assert len(mask_edges._apply_coefficients.signatures) == 1  # type: ignore[attr-defined]
