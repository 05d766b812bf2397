"""Integer kernels against slow, obvious twins; equal pixels give equal results anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.nucleus_scale import NucleusScale
from chc_gating.imaging.nucleus_steps import (
    climb_once,
    find_contrast,
    join_maxima,
    label_basins,
    mean_box,
    measure_depth,
    smooth_image,
)
from chc_gating.imaging.rings import grow_cells
from chc_gating.kernels.pixel_units import OUTSIDE, WEIGHT_BITS

RNG = np.random.default_rng(5)


def test_smoothing_equals_a_convolution_within_its_rounding() -> None:
    image = RNG.integers(0, 65536, (40, 51)).astype(np.uint16)
    weights = NucleusScale(20.0).weights
    share = weights / weights.sum()
    padded = np.pad(image.astype(float), weights.size // 2, mode="edge")
    rows = np.apply_along_axis(np.convolve, 0, padded, share, "valid")
    expected = np.apply_along_axis(np.convolve, 1, rows, share, "valid")
    found = smooth_image(image, weights) / 16
    assert np.abs(found - expected).max() <= 2 / 16


@pytest.mark.parametrize("diameter", [6.0, 14.0, 40.0, 150.0])
def test_weights_sum_to_one_and_keep_a_flat_saturated_image(diameter: float) -> None:
    weights = NucleusScale(diameter).weights
    assert weights.sum() == 1 << WEIGHT_BITS
    assert (weights >= 0).all()
    flat = np.full((9, 9), 65535, np.uint16)
    assert (smooth_image(flat, weights) == 65535 * 16).all()


def window_of(image: NDArray[np.int32], y: int, x: int, radius: int) -> NDArray[np.int32]:
    return image[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]


@pytest.mark.parametrize("shape", [(13, 17), (1, 1), (2, 40), (40, 3)])
@pytest.mark.parametrize("radius", [1, 3, 12, 30])
def test_means_and_contrast_equal_their_definitions(shape: tuple[int, int], radius: int) -> None:
    image = RNG.integers(0, 1 << 20, shape).astype(np.int32)
    mean = mean_box(image, radius)
    expected = np.empty((3, *shape), np.int32)
    for y in range(shape[0]):
        for x in range(shape[1]):
            window = window_of(image, y, x, radius)
            bright = window > window_of(mean, y, x, radius)
            high = window[bright].sum() // bright.sum() if bright.any() else image[y, x]
            low = -(-window[~bright].sum() // (~bright).sum()) if not bright.all() else image[y, x]
            over = image[y, x] - low
            inside = over > max(90_000, 40 * (high - low) // 100)
            expected[:, y, x] = (window.sum() // window.size, over, inside)
    np.testing.assert_array_equal(mean, expected[0])
    whole = Box(0, shape[0], 0, shape[1])
    for box in (whole, Box(shape[0] // 2, shape[0], shape[1] // 3, shape[1])):
        contrast, mask = find_contrast(image, mean, radius, floor=90_000, percent=40, box=box)
        rows, columns = box.slices
        np.testing.assert_array_equal(contrast, expected[1, rows, columns])
        np.testing.assert_array_equal(mask, expected[2, rows, columns])


def test_depth_follows_the_euclidean_distance_within_the_chamfers_error() -> None:
    # Borgefors 1986: the 5-7-11 chamfer is within 2.02 % of the Euclidean distance.
    mask = np.ones((61, 61), np.bool_)
    mask[30, 30] = False
    y, x = np.mgrid[:61, :61]
    depth = measure_depth(mask, 5 * 1000)
    distance = np.hypot(y - 30, x - 30)
    assert (np.abs(depth / 5 - distance) <= 0.0202 * distance + 1e-9).all()


def test_depth_is_capped_so_that_its_reach_is_finite() -> None:
    mask = np.ones((5, 60), np.bool_)
    mask[:, 0] = False
    depth = measure_depth(mask, 50)
    assert depth[2].tolist() == [min(5 * x, 50) for x in range(60)]


def test_equal_maxima_give_one_seed_each_by_raster_order() -> None:
    score = np.array([[0, 0, 0, 0], [0, 7, 7, 0], [0, 7, 7, 0], [0, 0, 0, 0]], np.int32)
    ways, inside = climb_once(score)
    assert inside.tolist() == [5, 6, 9, 10]
    assert ways[1:3, 1:3].tolist() == [[5, 5], [5, 5]]
    assert (ways[score == 0] == OUTSIDE).all()


def basins(score: NDArray[np.int32], *, join: int, radius: int = 20) -> NDArray[np.int32]:
    ways, inside = climb_once(score)
    join_maxima(score, ways, inside, radius=join)
    return label_basins(ways, inside, score, lowest_seed=1, share=0, radius=radius)


def test_a_lower_maximum_within_reach_is_joined_and_one_beyond_is_not() -> None:
    score = np.array([[3, 5, 3, 4, 3, 2, 3, 6, 3]], np.int32)
    assert np.unique(basins(score, join=2)).tolist() == [1, 7]
    assert np.unique(basins(score, join=1)).tolist() == [1, 3, 7]


def test_maxima_are_not_joined_across_a_gap() -> None:
    score = np.array([[5, 0, 4]], np.int32)
    assert basins(score, join=3).tolist() == [[0, -1, 2]]


def test_a_basin_ends_at_the_largest_radius_from_its_seed() -> None:
    score = np.arange(1, 41, dtype=np.int32)[np.newaxis]
    found = basins(score, join=1, radius=10)[0]
    assert (found[29:] == 39).all()
    assert (found[:29] == OUTSIDE).all()


def grow_slowly(labels: NDArray[np.int32], radius: float) -> NDArray[np.int32]:
    grown = labels.copy()
    ys, xs = np.nonzero(labels)
    for y, x in zip(*np.nonzero(labels == 0), strict=True):
        distance = (ys - y) ** 2 + (xs - x) ** 2
        reached = distance == distance.min(initial=10**9)
        if reached.any() and distance.min() <= radius**2:
            grown[y, x] = labels[ys[reached], xs[reached]].min()
    return grown


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5, 3.85, 6.0])
def test_rings_go_to_the_nearest_nucleus_and_ties_to_the_lower_label(radius: float) -> None:
    labels = np.zeros((40, 40), np.int32)
    for label in range(1, 14):
        y, x = RNG.integers(0, 36, 2)
        labels[y : y + 4, x : x + 4] = label
    np.testing.assert_array_equal(grow_cells(labels, radius), grow_slowly(labels, radius))


def test_no_nuclei_have_no_rings() -> None:
    assert not grow_cells(np.zeros((5, 5), np.int32), 3.0).any()
