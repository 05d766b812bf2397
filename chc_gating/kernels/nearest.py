"""The nearest other point, within a reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

Points = NDArray[np.float64]


@kernel
def find_nearest(points: Points, count: int, reach: float) -> Points:
    """Return the distance of the first ``count`` points to the nearest of all other points.

    points : (n, 2), y and x; a point is no neighbour of itself
    NaN where no other point lies within ``reach``, inclusive. The points are sorted into squares
    as wide as the reach, so that nine squares hold all neighbours.
    """
    n = points.shape[0]
    distances = np.full(count, np.nan)
    if n < 2:
        return distances
    low_y, low_x = points[:, 0].min(), points[:, 1].min()
    across = int((points[:, 1].max() - low_x) / reach) + 1
    down = int((points[:, 0].max() - low_y) / reach) + 1
    starts = np.zeros(across * down + 1, np.int64)
    squares = np.empty(n, np.int64)
    for i in range(n):
        row, column = int((points[i, 0] - low_y) / reach), int((points[i, 1] - low_x) / reach)
        squares[i] = row * across + column
        starts[squares[i] + 1] += 1
    for s in range(across * down):
        starts[s + 1] += starts[s]
    members = np.empty(n, np.int64)
    ends = starts[:-1].copy()
    for i in range(n):
        members[ends[squares[i]]] = i
        ends[squares[i]] += 1
    for i in range(count):
        row, column = squares[i] // across, squares[i] % across
        best = reach * reach
        found = False
        for r in range(max(row - 1, 0), min(row + 2, down)):
            first = starts[r * across + max(column - 1, 0)]
            for m in range(first, starts[r * across + min(column + 1, across - 1) + 1]):
                other = members[m]
                dy, dx = points[other, 0] - points[i, 0], points[other, 1] - points[i, 1]
                square = dy * dy + dx * dx
                if other != i and square <= best:
                    best = square
                    found = True
        if found:
            distances[i] = np.sqrt(best)
    return distances
