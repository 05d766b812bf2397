"""From the network's grid back to the slide's pixels: linear interpolation in integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

SHARE_BITS = 8
"""Of an axis; what is interpolated along both has 16 more bits."""


def axis_shares(
    step: float, *, first: int, count: int, grid_first: int, grid_length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return between which grid pixels each slide pixel lies, and how near the second is.

    Parameters
    ----------
    step : float
        Slide pixels per grid pixel.
    first, count : int
        Slide pixels first, first + 1, ...
    grid_first : int
        The grid pixel that the arrays of the kernel start with.
    grid_length : int
        Grid pixels of the whole slide along this axis.

    Returns
    -------
    lower : (count,) int64
        Index of the nearer grid pixel before, counted from ``grid_first``.
    shares : (count,) int64
        Weight of the next one, of 2**SHARE_BITS; 0 at the slide's edges.
    """
    place = np.clip((np.arange(first, first + count) + 0.5) / step - 0.5, 0, grid_length - 1)
    lower = np.minimum(np.floor(place).astype(np.int64), max(grid_length - 2, 0))
    shares = np.rint((place - lower) * (1 << SHARE_BITS)).astype(np.int64)
    return lower - grid_first, shares


@kernel
def interpolate_score(  # type: ignore[no-untyped-def]
    foreground, distance, y_lower, y_shares, x_lower, x_shares, lowest
) -> NDArray[np.int32]:
    """Return the score of slide pixels: 0 in the background, else 1 + their distance.

    Parameters
    ----------
    foreground, distance : (y, x) int32
        On the grid, below 2**14.
    lowest : int
        Foreground from which a pixel is nucleus.

    Returns
    -------
    (y, x) int32
        1 + distance x 2**SHARE_BITS where the foreground is at least ``lowest``.
    """
    count_y, count_x = y_lower.size, x_lower.size
    one = np.int64(1) << SHARE_BITS
    columns = foreground.shape[1]
    score = np.zeros((count_y, count_x), np.int32)
    row_of_foreground = np.empty(columns, np.int64)
    row_of_distance = np.empty(columns, np.int64)
    for i in range(count_y):
        y, share = y_lower[i], y_shares[i]
        below = min(y + 1, foreground.shape[0] - 1)
        for x in range(columns):
            row_of_foreground[x] = (one - share) * foreground[y, x] + share * foreground[below, x]
            row_of_distance[x] = (one - share) * distance[y, x] + share * distance[below, x]
        for j in range(count_x):
            x, near = x_lower[j], x_shares[j]
            right = min(x + 1, columns - 1)
            level = (one - near) * row_of_foreground[x] + near * row_of_foreground[right]
            if level >= lowest * one * one:
                depth = (one - near) * row_of_distance[x] + near * row_of_distance[right]
                score[i, j] = 1 + (depth >> SHARE_BITS)
    return score
