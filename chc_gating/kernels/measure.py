"""Per-cell sums over pixels: one pass over a block, all channels.

Axes: (y, x) pixels, c channels, k cells; compartment 0 is the nucleus, 1 the ring.
All sums are whole numbers, so the parts of a cell that lie in different blocks add up to the
same totals in any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

IndexImage = NDArray[np.int32]
GreyStack = NDArray[np.uint16]
Counts = NDArray[np.int64]

SUM, SUM_SQUARES, MINIMUM, MAXIMUM, SATURATED = 0, 1, 2, 3, 4
GREY_SUMS = 5
"""Columns of the grey sums: sum, sum of squares, minimum, maximum, saturated pixels."""

AREA, SUM_Y, SUM_X, SUM_YY, SUM_XX, SUM_XY, TOP, BOTTOM, LEFT, RIGHT = range(10)
SHAPE_SUMS = 10
"""Columns of the shape sums; coordinates are counted from the cell's seed pixel, and bottom and
right are inclusive."""

TOUCHES_EDGE, TOUCHES_NEIGHBOUR = 0, 1

EMPTY_LOW, EMPTY_HIGH = 2**62, -(2**62)
"""Minimum and maximum of no pixels."""


@kernel
def sum_pixels(  # type: ignore[no-untyped-def]
    nuclei: IndexImage,
    cells: IndexImage,
    stack: GreyStack,
    seeds: Counts,
    core,
    origin,
    edges,
    saturation: int,
    grey: Counts,
    shape: Counts,
    touches: NDArray[np.bool_],
) -> None:
    """Add the pixels of a block to the sums of its cells.

    nuclei, cells : (y, x), 0 background, else 1 + index of the cell
    stack : (c, y, x), the same pixels
    seeds : (k, 2), y and x of the seed pixel on the slide
    core : (y0, y1, x0, x1), the pixels to add, within the arrays
    origin : (y, x) on the slide of the arrays' first pixel
    edges : (height, width) of the slide
    grey : (k, 2, c, GREY_SUMS), changed in place
    shape : (k, 2, SHAPE_SUMS), changed in place
    touches : (k, 2), changed in place
    """
    channels = stack.shape[0]
    y0, y1, x0, x1 = core
    height, width = cells.shape
    for y in range(y0, y1):
        for x in range(x0, x1):
            cell = cells[y, x]
            if cell == 0:
                continue
            k = cell - 1
            part = 0 if nuclei[y, x] == cell else 1
            slide_y, slide_x = y + origin[0], x + origin[1]
            dy, dx = slide_y - seeds[k, 0], slide_x - seeds[k, 1]
            sums = shape[k, part]
            sums[AREA] += 1
            sums[SUM_Y] += dy
            sums[SUM_X] += dx
            sums[SUM_YY] += dy * dy
            sums[SUM_XX] += dx * dx
            sums[SUM_XY] += dy * dx
            sums[TOP] = min(sums[TOP], dy)
            sums[BOTTOM] = max(sums[BOTTOM], dy)
            sums[LEFT] = min(sums[LEFT], dx)
            sums[RIGHT] = max(sums[RIGHT], dx)
            if slide_y == 0 or slide_x == 0 or slide_y + 1 == edges[0] or slide_x + 1 == edges[1]:
                touches[k, TOUCHES_EDGE] = True
            for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= ny < height and 0 <= nx < width:
                    other = cells[ny, nx]
                    if other != 0 and other != cell:
                        touches[k, TOUCHES_NEIGHBOUR] = True
            for c in range(channels):
                value = np.int64(stack[c, y, x])
                column = grey[k, part, c]
                column[SUM] += value
                column[SUM_SQUARES] += value * value
                column[MINIMUM] = min(column[MINIMUM], value)
                column[MAXIMUM] = max(column[MAXIMUM], value)
                if value >= saturation:
                    column[SATURATED] += 1


@kernel
def find_background(  # type: ignore[no-untyped-def]
    cells: IndexImage, image: NDArray[np.uint16], box, fewest: int, low_share: float
) -> float:
    """Return the median of the background pixels of a box.

    Where fewer than ``fewest`` pixels are background, the grey level below which ``low_share``
    of all pixels of the box lie. ``box`` is (y0, y1, x0, x1). Of an even number the lower median.
    """
    y0, y1, x0, x1 = box
    open_counts = np.zeros(65536, np.int64)
    all_counts = np.zeros(65536, np.int64)
    open_pixels = 0
    for y in range(y0, y1):
        for x in range(x0, x1):
            value = image[y, x]
            all_counts[value] += 1
            if cells[y, x] == 0:
                open_counts[value] += 1
                open_pixels += 1
    counts = open_counts if open_pixels >= fewest else all_counts
    wanted = (open_pixels - 1) // 2
    if open_pixels < fewest:
        wanted = int(low_share * ((y1 - y0) * (x1 - x0) - 1))
    passed = 0
    for value in range(65536):
        passed += counts[value]
        if passed > wanted:
            return float(value)
    return 0.0
