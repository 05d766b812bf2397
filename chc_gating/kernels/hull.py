"""The convex hull of a nucleus, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import part
from chc_gating.kernels.pixels_runs import RUN_LENGTH, RUN_X, RUN_Y

Counts = NDArray[np.int64]

_NONE = np.int64(2**40)


@part
def count_hull_pixels(runs) -> int:  # type: ignore[no-untyped-def]
    """Return how many pixels have their centre in the convex hull of the pixels of runs.

    The hull is that of the middles of the pixels' sides, as in scikit-image's convex_hull_image,
    and its border belongs to it. Coordinates are doubled, so that middles of sides are whole.
    runs : (r, 3), sorted by row, at least one
    """
    top = np.int64(runs[0, RUN_Y])
    rows = np.int64(runs[-1, RUN_Y]) - top + 1
    left = np.full(2 * rows + 1, _NONE)
    right = np.full(2 * rows + 1, -_NONE)
    for i in range(runs.shape[0]):
        # Half row 2 y + 1 is the middle of row y, counted from the top.
        middle = 2 * (runs[i, RUN_Y] - top) + 1
        first = 2 * np.int64(runs[i, RUN_X])
        last = first + 2 * (runs[i, RUN_LENGTH] - 1)
        left[middle] = min(left[middle], first - 1)
        right[middle] = max(right[middle], last + 1)
        for side in (middle - 1, middle + 1):
            left[side] = min(left[side], first)
            right[side] = max(right[side], last)
    for i in range(right.size):
        right[i] = -right[i]
    starts = _trace_chain(left)
    ends = _trace_chain(right)
    total = 0
    for row in range(rows):
        total += max((-ends[row]) // 2 + -((starts[row] + 1) // 2) + 1, 0)
    return total


@part
def _trace_chain(sides):  # type: ignore[no-untyped-def]
    """Return for the middle of each row the least whole number within the convex lower chain."""
    chain = np.empty(sides.size, np.int64)
    size = 0
    for i in range(sides.size):
        if sides[i] == _NONE:
            continue
        while size > 1:
            a, b = chain[size - 2], chain[size - 1]
            if (sides[b] - sides[a]) * (i - a) < (sides[i] - sides[a]) * (b - a):
                break
            size -= 1
        chain[size] = i
        size += 1
    starts = np.empty(sides.size // 2, np.int64)
    at = 0
    for row in range(starts.size):
        middle = 2 * row + 1
        while chain[at + 1] < middle:
            at += 1
        a, b = chain[at], chain[at + 1]
        # Rounded up: a centre that lies on the hull's border belongs to it.
        starts[row] = sides[a] - ((sides[a] - sides[b]) * (middle - a)) // (b - a)
    return starts
