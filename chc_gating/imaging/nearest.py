"""How far it is to the nearest other nucleus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels import cell_entries

Points = NDArray[np.float64]


def find_nearest(points: Points, count: int, reach: float) -> Points:
    """Return the distance of the first ``count`` points to the nearest of all other points.

    points : (n, 2), y and x; a point is no neighbour of itself
    NaN where no other point lies within ``reach``, inclusive.

    Examples
    --------
    >>> find_nearest(np.array([[0.0, 0.0], [3.0, 4.0], [90.0, 0.0]]), 3, 10.0)
    array([ 5.,  5., nan])
    """
    distances = np.full(count, reach)
    if count == 0:
        return distances
    places = np.floor((points - points.min(axis=0)) / reach).astype(np.int64)
    down, across = (int(length) + 1 for length in places.max(axis=0))
    squares = places[:, 0] * across + places[:, 1]
    members = np.argsort(squares, kind="stable")
    starts = np.searchsorted(squares[members], np.arange(down * across + 1))
    cell_entries.find_nearest(
        np.ascontiguousarray(points), squares, starts, members, across, distances
    )
    return distances
