"""Measures of whole cells from their pixels: all channels, nucleus, ring and both.

Axes: k cells, c channels, n pixels; compartment 0 is the nucleus, 1 the ring, 2 both.
All sums are whole numbers: the order of a cell's pixels changes no measure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.hull import count_hull_pixels
from chc_gating.kernels.options import kernel, part
from chc_gating.kernels.pixel_columns import (
    AREA,
    BOTTOM,
    HULL_AREA,
    LAPLACIAN,
    LAPLACIAN_SQUARES,
    LEFT,
    MAXIMUM,
    MINIMUM,
    ON_EDGE,
    POSITIVE,
    QUANTILES,
    RIGHT,
    RING_AREA,
    RUN_LENGTH,
    RUN_X,
    RUN_Y,
    SATURATED,
    SUM,
    SUM_SQUARES,
    SUM_X,
    SUM_XX,
    SUM_XY,
    SUM_Y,
    SUM_YY,
    TOP,
)
from chc_gating.kernels.quantiles import interpolate_quantile

Counts = NDArray[np.int64]


@kernel
def measure_shapes(  # type: ignore[no-untyped-def]
    starts: Counts, runs, seeds: Counts, height: int, width: int, space: Counts, shape: Counts
) -> None:
    """Fill the shape sums (k, SHAPE_SUMS) of cells, zero before, but for the Laplacian.

    starts, runs : as of `pixels_runs.collect_runs`, coordinates on the slide
    seeds : (k, 2), y and x
    height, width : of the slide
    space : as of `hull.count_hull_pixels`, for the nucleus of the most rows
    """
    for k in range(seeds.shape[0]):
        sums = shape[k]
        y0, x0 = seeds[k, 0], seeds[k, 1]
        first, ring, end = starts[2 * k], starts[2 * k + 1], starts[2 * k + 2]
        for i in range(first, end):
            y, x, length = np.int64(runs[i, RUN_Y]), np.int64(runs[i, RUN_X]), runs[i, RUN_LENGTH]
            if y == 0 or x == 0 or y + 1 == height or x + length == width:
                sums[ON_EDGE] = 1
            if i >= ring:
                sums[RING_AREA] += length
                continue
            _add_run(sums, y - y0, x - x0, np.int64(length), i == first)
        if ring > first:
            sums[HULL_AREA] = count_hull_pixels(runs, first, ring, space)


@part
def _add_run(sums, dy, dx, n, is_first):  # type: ignore[no-untyped-def]
    """Add the pixels (dy, dx), ..., (dy, dx + n - 1) to the sums of a nucleus."""
    row = n * dx + n * (n - 1) // 2
    sums[AREA] += n
    sums[SUM_Y] += n * dy
    sums[SUM_X] += row
    sums[SUM_YY] += n * dy * dy
    sums[SUM_XX] += n * dx * dx + dx * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
    sums[SUM_XY] += dy * row
    sums[TOP] = dy if is_first else min(sums[TOP], dy)
    sums[BOTTOM] = dy if is_first else max(sums[BOTTOM], dy)
    sums[LEFT] = dx if is_first else min(sums[LEFT], dx)
    sums[RIGHT] = dx + n - 1 if is_first else max(sums[RIGHT], dx + n - 1)


@kernel
def measure_focus(starts: Counts, runs, offsets: Counts, laplacian, shape: Counts) -> None:  # type: ignore[no-untyped-def]
    """Fill sum and sum of squares of the Laplacian (n,) over the nuclei.

    offsets : (r,), where the pixels of a run start in ``laplacian``
    """
    for k in range(shape.shape[0]):
        total, squares = np.int64(0), np.int64(0)
        for i in range(starts[2 * k], starts[2 * k + 1]):
            for j in range(offsets[i], offsets[i] + runs[i, RUN_LENGTH]):
                value = np.int64(laplacian[j])
                total += value
                squares += value * value
        shape[k, LAPLACIAN] = total
        shape[k, LAPLACIAN_SQUARES] = squares


@kernel
def measure_grey_levels(  # type: ignore[no-untyped-def]
    starts: Counts,
    runs,
    offsets: Counts,
    values,
    saturation: int,
    thresholds: Counts,
    buffer,
    grey: Counts,
    quantiles,
) -> None:
    """Fill the grey sums (k, 2, c, GREY_SUMS) and quantiles (k, 3, c, 2) of cells.

    values : (c, n) uint16, grey levels; ``offsets`` as in `measure_focus`
    saturation : grey level from which a pixel is saturated
    thresholds : (c,), grey level above which a pixel is positive

    buffer : uint16, room for the pixels of the largest cell
    quantiles : NaN before

    No pixels: sums are 0, the minimum 65,535, the maximum 0, quantiles NaN.
    """
    for k in range(grey.shape[0]):
        first, ring, end = starts[2 * k], starts[2 * k + 1], starts[2 * k + 2]
        inner, size = 0, 0
        for i in range(first, end):
            size += runs[i, RUN_LENGTH]
            if i < ring:
                inner += runs[i, RUN_LENGTH]
        for c in range(values.shape[0]):
            row = values[c]
            at = 0
            for i in range(first, end):
                start = offsets[i]
                for j in range(runs[i, RUN_LENGTH]):
                    buffer[at + j] = row[start + j]
                at += runs[i, RUN_LENGTH]
            _sum_levels(buffer[:inner], saturation, thresholds[c], grey[k, 0, c])
            _sum_levels(buffer[inner:size], saturation, thresholds[c], grey[k, 1, c])
            _find_quantiles(buffer[:size], inner, grey[k, :, c], quantiles[k, :, c])


@part
def _sum_levels(levels, saturation, threshold, sums):  # type: ignore[no-untyped-def]
    total, squares = np.int64(0), np.int64(0)
    low, high = np.int64(65535), np.int64(0)
    saturated, positive = np.int64(0), np.int64(0)
    # Choices instead of branches and of min: a loop of which vector instructions are made.
    for i in range(levels.size):
        level = np.int64(levels[i])
        total += level
        squares += level * level
        low = level if level < low else low
        high = level if level > high else high
        saturated += 1 if level >= saturation else 0
        positive += 1 if level > threshold else 0
    sums[SUM] = total
    sums[SUM_SQUARES] = squares
    sums[MINIMUM] = low
    sums[MAXIMUM] = high
    sums[SATURATED] = saturated
    sums[POSITIVE] = positive


@part
def _find_quantiles(levels, inner, grey, quantiles):  # type: ignore[no-untyped-def]
    """Fill the quantiles (3, 2) of a cell in one channel from its grey sums (2, GREY_SUMS).

    levels : of the nucleus up to ``inner``, then of the ring
    """
    nucleus, ring = grey[0], grey[1]
    low = min(nucleus[MINIMUM], ring[MINIMUM])
    high = max(nucleus[MAXIMUM], ring[MAXIMUM])
    _fill_quantiles(levels[:inner], nucleus[MINIMUM], nucleus[MAXIMUM], quantiles[0])
    _fill_quantiles(levels[inner:], ring[MINIMUM], ring[MAXIMUM], quantiles[1])
    _fill_quantiles(levels, low, high, quantiles[2])


@part
def _fill_quantiles(levels, low, high, quantiles):  # type: ignore[no-untyped-def]
    if levels.size == 0:
        return
    for q in range(len(QUANTILES)):
        quantiles[q] = interpolate_quantile(levels, QUANTILES[q], low, high)
