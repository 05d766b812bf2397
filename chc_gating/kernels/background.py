"""Levels of the pixels that belong to no cell.

Axes: (y, x) pixels, c channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part

IndexImage = NDArray[np.int32]
GreyStack = NDArray[np.uint16]
Counts = NDArray[np.int64]

_BYTE = 256


@kernel
def find_backgrounds(  # type: ignore[no-untyped-def]
    cells: IndexImage, stack: GreyStack, core, side: int, fewest_share: float, low_share: float
):
    """Return the background of each square of a core and channel, (rows, columns, c).

    The median of the pixels outside of cells, of an even number the lower one. Where they are
    fewer than ``fewest_share`` of the square, the level that ``low_share`` of all its pixels do
    not exceed. ``core`` is (y0, y1, x0, x1), ``side`` the width of a square.
    """
    y0, y1, x0, x1 = core
    channels = stack.shape[0]
    levels = np.empty(((y1 - y0 - 1) // side + 1, (x1 - x0 - 1) // side + 1, channels))
    for i in range(levels.shape[0]):
        for j in range(levels.shape[1]):
            top, left = y0 + i * side, x0 + j * side
            box = (top, min(top + side, y1), left, min(left + side, x1))
            pixels = (box[1] - box[0]) * (box[3] - box[2])
            is_open = _count_open(cells, box)
            everything = is_open < max(int(fewest_share * pixels), 1)
            rank = int(low_share * (pixels - 1)) if everything else (is_open - 1) // 2
            for c in range(channels):
                levels[i, j, c] = _find_rank(cells, stack[c], box, everything, rank)
    return levels


@part
def _count_open(cells, box):  # type: ignore[no-untyped-def]
    count = 0
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            count += 1 if cells[y, x] == 0 else 0
    return count


@part
def _find_rank(cells, image, box, everything, rank):  # type: ignore[no-untyped-def]
    """Return the level of a rank, from 0: its upper byte first, then its lower one."""
    counts = np.zeros(_BYTE, np.int64)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if everything or cells[y, x] == 0:
                counts[image[y, x] >> 8] += 1
    upper, passed = _find_count(counts, rank)
    counts[:] = 0
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if (everything or cells[y, x] == 0) and image[y, x] >> 8 == upper:
                counts[image[y, x] & 255] += 1
    lower, _ = _find_count(counts, rank - passed)
    return upper * _BYTE + lower


@part
def _find_count(counts, rank):  # type: ignore[no-untyped-def]
    passed = 0
    b = 0
    while passed + counts[b] <= rank:
        passed += counts[b]
        b += 1
    return b, passed


@kernel
def count_levels(  # type: ignore[no-untyped-def]
    cells: IndexImage, stack: GreyStack, core, open_counts: Counts, all_counts: Counts
) -> None:
    """Add a core's pixels to the counts (c, 65536) of grey levels: outside of cells, and all."""
    for c in range(stack.shape[0]):
        for y in range(core[0], core[1]):
            for x in range(core[2], core[3]):
                level = stack[c, y, x]
                all_counts[c, level] += 1
                if cells[y, x] == 0:
                    open_counts[c, level] += 1
