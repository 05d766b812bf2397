"""The convex hull of a nucleus, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import part
from chc_gating.kernels.pixel_columns import RUN_LENGTH, RUN_X, RUN_Y

Counts = NDArray[np.int64]

_NONE = np.int64(2**40)


@part
def count_hull_pixels(runs, first: int, end: int, space) -> int:  # type: ignore[no-untyped-def]
    """Return how many pixels have their centre in the convex hull of the pixels of runs.

    The hull is that of the middles of the pixels' sides, as in scikit-image's convex_hull_image,
    and its border belongs to it. Coordinates are doubled, so that middles of sides are whole.
    runs : (r, 3), of which those from ``first`` to ``end`` count, sorted by row
    space : (5, n), n at least twice the rows and one
    """
    top = np.int64(runs[first, RUN_Y])
    rows = np.int64(runs[end - 1, RUN_Y]) - top + 1
    size = 2 * rows + 1
    left, right, chain, starts, ends = space[0], space[1], space[2], space[3], space[4]
    for side in range(size):
        left[side] = _NONE
        right[side] = -_NONE
    for i in range(first, end):
        # Half row 2 y + 1 is the middle of row y, counted from the top.
        middle = 2 * (runs[i, RUN_Y] - top) + 1
        begin = 2 * np.int64(runs[i, RUN_X])
        last = begin + 2 * (runs[i, RUN_LENGTH] - 1)
        left[middle] = min(left[middle], begin - 1)
        right[middle] = max(right[middle], last + 1)
        for side in (middle - 1, middle + 1):
            left[side] = min(left[side], begin)
            right[side] = max(right[side], last)
    for side in range(size):
        right[side] = -right[side]
    _trace_chain(left, size, chain, starts)
    _trace_chain(right, size, chain, ends)
    total = 0
    for row in range(rows):
        total += max((-ends[row]) // 2 + -((starts[row] + 1) // 2) + 1, 0)
    return total


@part
def _trace_chain(sides, count, chain, starts):  # type: ignore[no-untyped-def]
    """Find for the middle of each row the least whole number within the convex lower chain."""
    size = 0
    for i in range(count):
        if sides[i] == _NONE:
            continue
        while size > 1:
            a, b = chain[size - 2], chain[size - 1]
            if (sides[b] - sides[a]) * (i - a) < (sides[i] - sides[a]) * (b - a):
                break
            size -= 1
        chain[size] = i
        size += 1
    at = 0
    for row in range(count // 2):
        middle = 2 * row + 1
        while chain[at + 1] < middle:
            at += 1
        a, b = chain[at], chain[at + 1]
        # Rounded up: a centre that lies on the hull's border belongs to it.
        starts[row] = sides[a] - ((sides[a] - sides[b]) * (middle - a)) // (b - a)
