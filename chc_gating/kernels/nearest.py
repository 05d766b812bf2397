"""The nearest other point, within a reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

Points = NDArray[np.float64]
Counts = NDArray[np.int64]


@kernel
def find_nearest(
    points: Points, squares: Counts, starts: Counts, members: Counts, across: int, distances: Points
) -> None:
    """Fill ``distances`` of the first points to the nearest of all other points.

    points : (n, 2), y and x; a point is no neighbour of itself
    squares : (n,), the square of a grid in which a point lies, row by row, ``across`` a row; as
        wide as the reach, so that nine squares hold all neighbours
    starts : (squares + 1,), members : (n,), the points of each square
    distances : the reach before; NaN where no other point lies within it, inclusive
    """
    down = (starts.size - 1) // across
    for i in range(distances.size):
        row, column = squares[i] // across, squares[i] % across
        best = distances[i] * distances[i]
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
        distances[i] = np.sqrt(best) if found else np.nan
