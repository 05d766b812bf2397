"""Laws of measuring: cutting a slide into blocks changes no measure of any cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.imaging.levels import find_plateau
from chc_gating.imaging.nearest import find_nearest
from chc_gating.imaging.pieces import join_pieces, measure_block
from chc_gating.imaging.sums import BlockPixels, CellSums, MeasureRule, index_cells, join_cells
from chc_gating.kernels import pixel_columns as columns

SHAPE = (37, 41)


def grow_labels(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return connected nuclei of any form, many touching; a label is 1 + the seed's index."""
    labels = np.zeros(SHAPE, np.int64)
    for _ in range(count):
        y, x = int(rng.integers(SHAPE[0])), int(rng.integers(SHAPE[1]))
        if labels[y, x]:
            continue
        labels[y, x] = label = y * SHAPE[1] + x + 1
        for _ in range(int(rng.integers(60))):
            dy, dx = ((0, 1), (1, 0), (0, -1), (-1, 0))[rng.integers(4)]
            ny, nx = min(max(y + dy, 0), SHAPE[0] - 1), min(max(x + dx, 0), SHAPE[1] - 1)
            if labels[ny, nx] in (0, label):
                y, x = ny, nx
                labels[y, x] = label
    return labels


def measure_in_blocks(
    labels: NDArray[np.int64], stack: NDArray[np.uint16], *, side: int, ring_px: float
) -> CellSums:
    rule = MeasureRule(SHAPE, saturation=60000, thresholds=np.array([500, 30000]), dna=0)
    margin = int(ring_px) + 1
    whole, waiting = [], []
    for y in range(0, SHAPE[0], side):
        row = []
        for x in range(0, SHAPE[1], side):
            block = Box(y, y + side, x, x + side).clip(SHAPE)
            outer = block.grow(margin, SHAPE)
            here = np.ascontiguousarray(stack[(slice(None), *outer.slices)])
            pixels = BlockPixels(labels[outer.slices], here, block, outer)
            sums, pieces = measure_block(
                pixels, index_cells(pixels.labels, ring_px=ring_px), rule=rule
            )
            whole.append(sums)
            row.append(pieces)
        sums, left = join_pieces([*waiting, *row], rule=rule)
        whole.append(sums)
        waiting = [left]
    assert waiting[0].ids.size == 0
    return join_cells(whole)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 40),
    side=st.integers(5, 30),
    ring_px=st.sampled_from([0.0, 1.0, 2.5, 4.0]),
)
def test_blocks_of_any_size_give_the_same_cells(
    seed: int, count: int, side: int, ring_px: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = grow_labels(rng, count)
    stack = rng.integers(0, rng.integers(2, 65536), (2, *SHAPE)).astype(np.uint16)
    expected = measure_in_blocks(labels, stack, side=100, ring_px=ring_px)
    found = measure_in_blocks(labels, stack, side=side, ring_px=ring_px)
    for name in ("ids", "shape", "grey", "quantiles", "contacts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.ids.tolist() == (np.unique(labels[labels > 0]) - 1).tolist()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 30),
    top=st.sampled_from([1, 2, 200, 256, 257, 4000, 65535]),
    outlier=st.booleans(),
)
def test_measures_equal_those_of_plain_numpy(
    seed: int, count: int, top: int, outlier: bool
) -> None:
    rng = np.random.default_rng(seed)
    labels = grow_labels(rng, count)
    stack = rng.integers(0, top + 1, (2, *SHAPE)).astype(np.uint16)
    if outlier:  # the bins of a histogram become wide, and nearly all levels fall into one
        stack[:, ::6, ::5] = 65535
    found = measure_in_blocks(labels, stack, side=100, ring_px=2.5)
    indices = index_cells(labels, ring_px=2.5)
    for i in range(found.ids.size):
        cell = indices.cells == i + 1
        nucleus = indices.nuclei == i + 1
        for part, mask in enumerate((nucleus, cell & ~nucleus, cell)):
            for c, image in enumerate(stack):
                levels = image[mask]
                if levels.size == 0:
                    assert np.isnan(found.quantiles[i, part, c]).all()
                    continue
                expected = np.percentile(levels, [50, 90])
                np.testing.assert_array_equal(found.quantiles[i, part, c], expected)
                if part < 2:
                    sums = found.grey[i, part, c]
                    assert sums[columns.SUM] == levels.sum()
                    assert sums[columns.SUM_SQUARES] == (levels.astype(np.int64) ** 2).sum()
                    assert sums[columns.MINIMUM] == levels.min()
                    assert sums[columns.MAXIMUM] == levels.max()
                    assert sums[columns.SATURATED] == (levels >= 60000).sum()
                    assert sums[columns.POSITIVE] == (levels > (500, 30000)[c]).sum()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 30))
def test_hulls_and_contacts_equal_those_of_scikit_image(seed: int, count: int) -> None:
    from skimage.measure import regionprops
    from skimage.morphology import dilation, footprint_rectangle

    labels = grow_labels(np.random.default_rng(seed), count)
    found = measure_in_blocks(labels, np.zeros((2, *SHAPE), np.uint16), side=100, ring_px=0.0)
    indices = index_cells(labels, ring_px=0.0)
    cross = footprint_rectangle((3, 3)) * np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    for i, region in enumerate(regionprops(indices.nuclei)):
        assert found.shape[i, columns.AREA] == region.area
        if min(region.image.shape) > 1:  # scikit-image knows no hull of a line
            assert found.shape[i, columns.HULL_AREA] == region.area_convex
        near = dilation(indices.nuclei == i + 1, cross.astype(np.uint8))
        others = np.unique(indices.nuclei[near & (indices.nuclei > 0)]).size - 1
        assert found.contacts[i].tolist() == [others, others]


def test_contacts_count_cells_and_nuclei_apart() -> None:
    labels = np.zeros(SHAPE, np.int64)
    labels[5:9, 5:9] = 5 * SHAPE[1] + 6
    labels[5:9, 9:13] = 5 * SHAPE[1] + 10  # side by side with the first
    labels[5:9, 16:20] = 5 * SHAPE[1] + 17  # three pixels on: the rings meet, the nuclei do not
    labels[30:33, 30:33] = 30 * SHAPE[1] + 31
    stack = np.zeros((2, *SHAPE), np.uint16)
    found = measure_in_blocks(labels, stack, side=10, ring_px=2.0)
    assert found.contacts.tolist() == [[1, 1], [2, 1], [1, 0], [0, 0]]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 60), reach=st.floats(0.5, 80))
def test_nearest_points_equal_a_search_of_all_pairs(seed: int, n: int, reach: float) -> None:
    points = np.random.default_rng(seed).uniform(-20, 60, (n, 2))
    count = n // 2
    found = find_nearest(points, count, reach)
    between = np.hypot(*(points[:, np.newaxis] - points).transpose(2, 0, 1))
    np.fill_diagonal(between, np.inf)
    expected = between.min(axis=1, initial=np.inf)[:count]
    np.testing.assert_allclose(found, np.where(expected <= reach, expected, np.nan), rtol=1e-12)


@pytest.mark.parametrize(
    ("top", "pixels", "expected"),
    [
        (4095, 500, 4095),  # a camera of 12 bits
        (1023, 500, 1023),
        (16383, 500, 16383),
        (4095, 3, None),  # the brightest pixels happen to end there
        (4095, 60, None),  # no more than the levels below have
        (4000, 500, None),  # not the maximum of a camera
        (65535, 500, None),  # the file's own maximum needs no detection
    ],
)
def test_a_plateau_at_a_cameras_maximum_is_its_saturation(
    top: int, pixels: int, expected: int | None
) -> None:
    counts = np.zeros(65536, np.int64)
    counts[:top] = 50
    counts[top] = pixels
    assert find_plateau(counts, maximum=65535) == expected
