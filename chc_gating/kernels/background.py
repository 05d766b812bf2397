"""Levels of the pixels that belong to no cell.

Axes: (y, x) pixels, c channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part
from chc_gating.kernels.pixel_columns import CHUNK, CHUNK_BITS
from chc_gating.kernels.quantiles import count_up_to, find_rank

IndexImage = NDArray[np.int32]
GreyStack = NDArray[np.uint16]
Counts = NDArray[np.int64]

_TOP = 65535


@kernel
def find_backgrounds(  # type: ignore[no-untyped-def]
    cells: IndexImage, stack: GreyStack, core, side: int, low_percent: int, space, levels
) -> None:
    """Fill ``levels`` (rows, columns, c) with the background of each square of a core and channel.

    The median of the pixels outside of cells, of an even number the lower one. Where they are
    fewer than ``low_percent`` of the square, the level that so many of all its pixels do not
    exceed. ``side`` is the width of a square, ``space`` (side * side + CHUNK,) uint16.
    """
    y0, y1, x0, x1 = core
    for c in range(stack.shape[0]):
        guess = np.int64(0)
        for i in range(levels.shape[0]):
            for j in range(levels.shape[1]):
                top, left = y0 + i * side, x0 + j * side
                box = (top, min(top + side, y1), left, min(left + side, x1))
                guess = _find_background(cells, stack[c], box, low_percent, space, guess)
                levels[i, j, c] = guess


@part
def _find_background(cells, image, box, low_percent, space, guess):  # type: ignore[no-untyped-def]
    """Return the background of a square; ``guess`` is where to look first."""
    pixels = (box[1] - box[0]) * (box[3] - box[2])
    is_open = _count_open(cells, box)
    everything = is_open < max(pixels * low_percent // 100, 1)
    rank = (pixels - 1) * low_percent // 100 if everything else (is_open - 1) // 2
    _copy_open(cells, image, box, everything, space)
    chunks = (pixels + CHUNK - 1) >> CHUNK_BITS
    for i in range(pixels, chunks << CHUNK_BITS):
        space[i] = np.uint16(_TOP)
    pads = (np.int64(_TOP), (chunks << CHUNK_BITS) - pixels, np.int64(0), np.int64(0))
    low, high = _find_extremes(space, chunks)
    within = count_up_to(space, chunks, pads, high)
    if within <= rank:  # half of what is open is saturated
        return np.int64(_TOP)
    return find_rank(space, chunks, pads, rank, (low, high, within), guess)


@part
def _count_open(cells, box):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for y in range(box[0], box[1]):
        row = cells[y, box[2] : box[3]]
        count = np.int32(0)
        for x in range(row.size):
            count = np.int32(count + (np.int32(1) if row[x] == 0 else np.int32(0)))
        total += count
    return total


@part
def _copy_open(cells, image, box, everything, levels):  # type: ignore[no-untyped-def]
    """Copy a box to ``levels`` with the cells' pixels at the top."""
    width = box[3] - box[2]
    mask = np.int32(0) if everything else np.int32(-1)
    for y in range(box[0], box[1]):
        owners = cells[y, box[2] : box[3]]
        row = image[y, box[2] : box[3]]
        copy = levels[(y - box[0]) * width : (y - box[0] + 1) * width]
        for x in range(copy.size):
            copy[x] = row[x] if owners[x] & mask == 0 else np.uint16(_TOP)


@part
def _find_extremes(levels, chunks):  # type: ignore[no-untyped-def]
    """Return the least level and the greatest below the top, or the least again."""
    low, high = np.uint16(_TOP), np.uint16(0)
    for i in range(chunks << CHUNK_BITS):
        level = levels[i]
        low = level if level < low else low
    for i in range(chunks << CHUNK_BITS):
        after = np.uint16(levels[i] + np.uint16(1))  # 0 at the top
        high = after if after > high else high
    return np.int64(low), max(np.int64(high) - 1, np.int64(low))


@kernel
def count_levels(  # type: ignore[no-untyped-def]
    cells: IndexImage, stack: GreyStack, core, open_counts: Counts, cell_counts: Counts
) -> None:
    """Add a core's pixels to the counts (c, 65536) of grey levels: outside and inside of cells."""
    for c in range(stack.shape[0]):
        for y in range(core[0], core[1]):
            for x in range(core[2], core[3]):
                if cells[y, x] == 0:
                    open_counts[c, stack[c, y, x]] += 1
                else:
                    cell_counts[c, stack[c, y, x]] += 1
