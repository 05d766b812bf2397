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
    exceed. ``side`` is the width of a square, ``space`` (2, side * side + CHUNK) uint16.
    """
    y0, y1, x0, x1 = core
    mask, pixels = space[0], space[1]
    for i in range(levels.shape[0]):
        for j in range(levels.shape[1]):
            top, left = y0 + i * side, x0 + j * side
            box = (top, min(top + side, y1), left, min(left + side, x1))
            size = (box[1] - box[0]) * (box[3] - box[2])
            is_open = _mask_cells(cells, box, mask)
            rank = (is_open - 1) // 2
            if is_open < max(size * low_percent // 100, 1):
                rank = (size - 1) * low_percent // 100
                mask[:] = 0
            for c in range(stack.shape[0]):
                _copy_open(stack[c], box, mask, pixels)
                # The square to the left is as bright, as a rule.
                guess = np.int64(levels[i, j - 1, c]) if j > 0 else np.int64(0)
                levels[i, j, c] = _find_level(pixels, size, rank, guess)


@part
def _mask_cells(cells, box, mask):  # type: ignore[no-untyped-def]
    """Fill the mask of a box, row by row, _TOP in cells and 0 else; return the pixels outside."""
    width = box[3] - box[2]
    total = np.int64(0)
    for y in range(box[0], box[1]):
        row = cells[y, box[2] : box[3]]
        part_of = mask[(y - box[0]) * width : (y - box[0] + 1) * width]
        count = np.int32(0)
        for x in range(width):
            part_of[x] = np.uint16(0) if row[x] == 0 else np.uint16(_TOP)
            count = np.int32(count + (np.int32(1) if row[x] == 0 else np.int32(0)))
        total += count
    return total


@part
def _copy_open(image, box, mask, pixels):  # type: ignore[no-untyped-def]
    """Copy a box, row by row, with the masked pixels at the top."""
    width = box[3] - box[2]
    for y in range(box[0], box[1]):
        row = image[y, box[2] : box[3]]
        first = (y - box[0]) * width
        over, copy = mask[first : first + width], pixels[first : first + width]
        for x in range(width):
            copy[x] = row[x] | over[x]


@part
def _find_level(pixels, size, rank, guess):  # type: ignore[no-untyped-def]
    """Return the level of a rank among the first pixels; ``guess`` is where to look first."""
    chunks = (size + CHUNK - 1) >> CHUNK_BITS
    for i in range(size, chunks << CHUNK_BITS):
        pixels[i] = np.uint16(_TOP)
    pads = (np.int64(_TOP), (chunks << CHUNK_BITS) - size, np.int64(0), np.int64(0))
    low, high = _find_extremes(pixels, chunks)
    within = count_up_to(pixels, chunks, pads, high)
    if within <= rank:  # half of what is open is at the top
        return np.int64(_TOP)
    return find_rank(pixels, chunks, pads, rank, (low, high, within), guess)


@part
def _find_extremes(levels, chunks):  # type: ignore[no-untyped-def]
    """Return the least level and the greatest below the top, or the least again."""
    low, high = np.uint16(_TOP), np.uint16(0)
    for i in range(chunks << CHUNK_BITS):
        level = levels[i]
        after = np.uint16(level + np.uint16(1))  # 0 at the top
        low = level if level < low else low
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
