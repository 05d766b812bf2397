"""Resampling onto a grid that is fixed on the slide, in integers.

Pixel i of a grid of ``step`` slide pixels has its centre at (i + 1/2) step - 1/2. Its level is a
mean of the slide's pixels around it with triangular weights: linear interpolation where the grid
is finer than the slide, an average that lets no pixel out where it is coarser. Weights follow
from the pixel's place on the slide alone and are integers, so equal places give equal levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

WEIGHT_BITS = 12
FRACTION_BITS = 6
"""Of the level that is returned: 1/64 grey level."""


def axis_weights(
    step: float, *, first: int, count: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each pixel of an axis starts to read, and with what weights.

    Parameters
    ----------
    step : float
        Slide pixels per grid pixel.
    first, count : int
        Grid pixels first, first + 1, ...
    length : int
        Pixels of the slide along this axis; beyond it the last pixel is repeated.

    Returns
    -------
    starts : (count,) int64
        First slide pixel that is read; weights that would fall beyond an edge lie on the edge.
    weights : (count, taps) int64
        They sum to 2**WEIGHT_BITS.
    """
    reach = max(step, 1.0)
    taps = int(np.ceil(2 * reach)) + 1
    centres = (np.arange(first, first + count) + 0.5) * step - 0.5
    raw_starts = np.ceil(centres - reach).astype(np.int64)
    places = raw_starts[:, np.newaxis] + np.arange(taps)
    shape = np.maximum(1 - np.abs(places - centres[:, np.newaxis]) / reach, 0)
    weights = np.floor(shape / shape.sum(axis=1, keepdims=True) * (1 << WEIGHT_BITS))
    whole = weights.astype(np.int64)
    largest = np.argmax(shape, axis=1)
    whole[np.arange(count), largest] += (1 << WEIGHT_BITS) - whole.sum(axis=1)
    starts = np.clip(raw_starts, 0, max(length - taps, 0))
    folded = np.zeros_like(whole)
    inside = np.clip(places, 0, length - 1) - starts[:, np.newaxis]
    np.add.at(folded, (np.arange(count)[:, np.newaxis], inside), whole)
    return starts, folded


@kernel
def resample_rows(  # type: ignore[no-untyped-def]
    image, y_starts, y_weights, x_starts, x_weights
) -> NDArray[np.int32]:
    """Return an image on a grid, (count_y, count_x) in 1/64 grey level.

    ``image`` is (y, x) uint16; starts are counted from its corner.
    """
    count_y, count_x = y_starts.size, x_starts.size
    width = image.shape[1]
    taps_y, taps_x = min(y_weights.shape[1], image.shape[0]), min(x_weights.shape[1], width)
    result = np.empty((count_y, count_x), np.int32)
    column = np.empty(width, np.int64)
    for i in range(count_y):
        column[:] = 0
        for k in range(taps_y):
            weight = y_weights[i, k]
            if weight == 0:
                continue
            row = image[y_starts[i] + k]
            for x in range(width):
                column[x] += weight * row[x]
        for j in range(count_x):
            total = np.int64(0)
            for k in range(taps_x):
                # A weight of 0 may stand for a pixel outside the image.
                if x_weights[j, k] != 0:
                    total += x_weights[j, k] * column[x_starts[j] + k]
            shift = 2 * WEIGHT_BITS - FRACTION_BITS
            result[i, j] = (total + (1 << (shift - 1))) >> shift
    return result
