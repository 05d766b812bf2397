"""Tiles laid onto a strip of a stitched slide: interpolated, evened and weighted in one pass.

Axes: (y, x) pixels of the tile's box, (i, j) pixels of the strip that it covers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@kernel
def add_tile(
    raw: NDArray[Any],
    gain: Floats,
    dark: float,
    step: float,
    row_before: Indices,
    row_after: Indices,
    row_part: float,
    row_weight: Floats,
    column_before: Indices,
    column_after: Indices,
    column_part: float,
    column_weight: Floats,
    maximum: int,
    light: Floats,
    weight: Floats,
    saturated: NDArray[np.bool_],
) -> None:
    """Add a tile's weighted light to a strip.

    raw : (y, x) grey levels. gain : (y, x), or (0, 0) for an even field; dark : its pivot
    step : grey levels by which the tile lies too high, taken off after evening
    row_before, row_after : (i,) the tile's rows between which row i lies; row_part : share of
        the one before; columns likewise
    row_weight, column_weight : (i,) and (j,), their product is a pixel's weight
    light, weight, saturated : (i, j), changed in place
    """
    uneven = gain.shape[0] > 0
    width = raw.shape[1]
    line = np.empty(width)
    full = np.empty(width, np.bool_)
    for i in range(row_before.shape[0]):
        above, below = row_before[i], row_after[i]
        for x in range(width):
            first, second = float(raw[below, x]), float(raw[above, x])
            full[x] = first >= maximum or (row_part > 0 and second >= maximum)
            if uneven:
                first = (first - dark) / gain[below, x] + dark
                second = (second - dark) / gain[above, x] + dark
            line[x] = first * (1 - row_part) + second * row_part - step
        for j in range(column_before.shape[0]):
            left, right = column_before[j], column_after[j]
            share = row_weight[i] * column_weight[j]
            light[i, j] += (line[right] * (1 - column_part) + line[left] * column_part) * share
            weight[i, j] += share
            if full[right] or (column_part > 0 and full[left]):
                saturated[i, j] = True


@kernel
def finish_strip(
    light: Floats,
    weight: Floats,
    saturated: NDArray[np.bool_],
    maximum: int,
    result: NDArray[Any],
) -> None:
    """Write the mean of the tiles of a strip as whole grey levels; 0 where no tile lies.

    light, weight, saturated : (i, j). result : (i, j), changed in place
    """
    for i in range(light.shape[0]):
        for j in range(light.shape[1]):
            if saturated[i, j]:
                result[i, j] = maximum
            elif weight[i, j] > 0:
                level = np.rint(light[i, j] / weight[i, j])
                result[i, j] = min(max(level, 0.0), float(maximum))
            else:
                result[i, j] = 0
