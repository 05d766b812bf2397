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
    CHUNK_BITS,
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
    VECTOR,
)
from chc_gating.kernels.quantiles import count_up_to, interpolate_quantile, pad_levels

Counts = NDArray[np.int64]

_NORMAL = (0.0, 1.2816)
"""SDs above the mean at which a normal distribution has its quantiles."""


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
    keys,
    offsets: Counts,
    lengths,
    values,
    saturation: int,
    thresholds: Counts,
    space: Counts,
    levels,
    grey: Counts,
    quantiles,
) -> None:
    """Fill the grey sums (k, 2, c, GREY_SUMS) and quantiles (k, 3, c, 2) of cells.

    keys, offsets, lengths : (r,) of runs in any order: twice the cell's index, 1 more in its ring,
        below 0 of no cell; where the pixels start in ``values``, and how many they are
    values : (c, n) uint16, grey levels
    saturation : grey level from which a pixel is saturated
    thresholds : (c,), grey level above which a pixel is positive
    space : (3, 2 k), of each key: the pixels; where its chunks of ``levels`` begin; room
    levels : uint16, room for the chunks, as many as `pixel_columns.count_chunks` says
    quantiles : NaN before

    Pixels are sorted by key first: run after run as they lie in memory is the fastest way to them.
    No pixels: sums are 0, the minimum 65,535, the maximum 0, quantiles NaN.
    """
    sizes, begins = space[0], space[1]
    for c in range(values.shape[0]):
        _sort_levels(keys, offsets, lengths, values[c], space, levels)
        limits = (saturation, thresholds[c])
        for k in range(grey.shape[0]):
            inner, outer = sizes[2 * k], sizes[2 * k + 1]
            inside, outside = levels[begins[2 * k] :], levels[begins[2 * k + 1] :]
            inner_chunks = pad_levels(inside, inner)
            outer_chunks = pad_levels(outside, outer)
            _sum_levels(inside, inner, inner_chunks, limits, grey[k, 0, c])
            _sum_levels(outside, outer, outer_chunks, limits, grey[k, 1, c])
            chunks = (inner, inner_chunks, outer, outer_chunks)
            _find_quantiles(inside, chunks, grey[k, :, c], quantiles[k, :, c])


@part
def _sort_levels(keys, offsets, lengths, row, space, levels):  # type: ignore[no-untyped-def]
    """Copy the pixels of runs to where those of their keys stand.

    A vector of pixels at a time: what is copied too much is overwritten by the key's next run, or
    padding.
    """
    begins, places = space[1], space[2]
    for key in range(places.size):
        places[key] = begins[key]
    for i in range(keys.size):
        if keys[i] < 0:
            continue
        start, length, at = offsets[i], np.int64(lengths[i]), places[keys[i]]
        places[keys[i]] = at + length
        if start + length + VECTOR > row.size:
            for j in range(length):
                levels[at + j] = row[start + j]
        else:
            for done in range(0, length, VECTOR):
                _copy_vector(row[start + done :], levels[at + done :])


@part
def _copy_vector(pixels, levels):  # type: ignore[no-untyped-def]
    for j in range(VECTOR):
        levels[j] = pixels[j]


@part
def _sum_levels(levels, size, chunks, limits, sums):  # type: ignore[no-untyped-def]
    """Fill the grey sums of padded levels; ``limits`` are saturation and threshold."""
    low, high = np.uint16(65535), np.uint16(0)
    total, squares = np.uint64(0), np.uint64(0)
    # Choices instead of branches and of min: loops of which vector instructions are made.
    for i in range(chunks << CHUNK_BITS):
        level = levels[i]
        low = level if level < low else low
        high = level if level > high else high
    for i in range(chunks << CHUNK_BITS):
        level = np.uint64(levels[i])
        total += level
        squares += level * level
    pads = (chunks << CHUNK_BITS) - size
    copied = np.int64(levels[0]) if size > 0 else 0
    sums[SUM] = np.int64(total) - pads * copied
    sums[SUM_SQUARES] = np.int64(squares) - pads * copied * copied
    sums[MINIMUM] = low
    sums[MAXIMUM] = high
    copies = (copied, pads, 0, 0)
    sums[SATURATED] = _count_above(levels, size, chunks, copies, limits[0] - 1, sums)
    sums[POSITIVE] = _count_above(levels, size, chunks, copies, limits[1], sums)


@part
def _count_above(levels, size, chunks, pads, limit, sums):  # type: ignore[no-untyped-def]
    """Return how many levels exceed a limit; mostly the extremes tell."""
    if sums[MAXIMUM] <= limit:
        return 0
    if sums[MINIMUM] > limit:
        return size
    return size - count_up_to(levels, chunks, pads, limit)


@part
def _find_quantiles(levels, sizes, grey, quantiles):  # type: ignore[no-untyped-def]
    """Fill the quantiles (3, 2) of a cell in one channel from its grey sums (2, GREY_SUMS).

    levels : padded, of the nucleus, then of the ring
    """
    inner, inner_chunks, outer, outer_chunks = sizes
    outside = levels[inner_chunks << CHUNK_BITS :]
    inner_pads = (inner_chunks << CHUNK_BITS) - inner
    outer_pads = (outer_chunks << CHUNK_BITS) - outer
    inner_copies = (np.int64(levels[0]), inner_pads, np.int64(0), np.int64(0))
    outer_copies = (np.int64(outside[0]), outer_pads, np.int64(0), np.int64(0))
    both_copies = (np.int64(levels[0]), inner_pads, np.int64(outside[0]), outer_pads)
    one, other = _describe(grey[0]), _describe(grey[1])
    both = (min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2], one[3] + other[3])
    _fill_quantiles(levels, inner_chunks, inner_copies, one, quantiles[0])
    _fill_quantiles(outside, outer_chunks, outer_copies, other, quantiles[1])
    _fill_quantiles(levels, inner_chunks + outer_chunks, both_copies, both, quantiles[2])


@part
def _describe(sums):  # type: ignore[no-untyped-def]
    return sums[MINIMUM], sums[MAXIMUM], sums[SUM], sums[SUM_SQUARES]


@part
def _fill_quantiles(levels, chunks, copies, facts, quantiles):  # type: ignore[no-untyped-def]
    """Fill the quantiles of padded levels; ``facts`` are extremes, sum and sum of squares.

    Where to look first: where the quantile of a normal distribution would be.
    """
    n = (chunks << CHUNK_BITS) - copies[1] - copies[3]
    if n == 0:
        return
    mean = facts[2] / n
    sd = np.sqrt(max(facts[3] / n - mean * mean, 0.0))
    for q in range(len(QUANTILES)):
        guess = np.int64(mean + _NORMAL[q] * sd)
        quantiles[q] = interpolate_quantile(
            levels, chunks, copies, QUANTILES[q], facts[0], facts[1], guess
        )
