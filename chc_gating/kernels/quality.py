"""What the squares of a block hold: nuclei, sharpness, saturation, one single grey level.

Axes: (y, x) pixels, c channels, (r, q) squares of the block. All sums are whole numbers of a fixed
sample of pixels, so they do not depend on how the slide is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel, part
from chc_gating.kernels.quality_columns import (
    DNA_SUM,
    FILTERED,
    FILTERED_SQUARES,
    HIGHEST,
    LOWEST,
    NOISE_SQUARES,
    PIXELS,
    REACH,
    SAMPLE_STEP,
    SAMPLED,
    SATURATED,
)

_SHIFT = 4


def _make_filter() -> NDArray[np.int64]:
    """Return the Laplacian (4 neighbours) of the binomial smoothing of 5 px (SD 1 px), (7, 7).

    Its weights are whole numbers, 256 times those of a smoothing that sums to 1.
    """
    line = np.array([1, 4, 6, 4, 1], np.int64)
    smooth = np.zeros((9, 9), np.int64)
    smooth[2:7, 2:7] = np.outer(line, line)
    around = sum(np.roll(smooth, step, axis) for step in (-1, 1) for axis in (0, 1))
    return np.asarray(around - 4 * smooth)[1:8, 1:8].copy()


_FILTER = _make_filter()


@kernel
def survey_squares(  # type: ignore[no-untyped-def]
    labels: NDArray[np.int64],
    stack: NDArray[np.uint16],
    dna: int,
    core,
    origin_y: int,
    origin_x: int,
    side: int,
    saturation: int,
    sums: NDArray[np.int64],
    greys: NDArray[np.int64],
) -> None:
    """Fill the sums and grey levels of a block's squares.

    labels : (y, x), 0 outside of nuclei
    stack : (c, y, x), the same pixels; ``dna`` the index of the one whose sharpness counts
    core : the block within the arrays
    origin_y, origin_x : on the slide, of the arrays' first pixel
    side : of a square, in pixels
    sums : (r, q, SUMS), zeros, changed in place; FILTERED in 1/16 grey level
    greys : (r, q, c, GREYS), changed in place
    """
    y0, y1, x0, x1 = core
    height, width = labels.shape
    for y in range(y0, y1):
        if (y + origin_y) % SAMPLE_STEP:
            continue
        r = (y - y0) // side
        for q in range(greys.shape[1]):
            left, right = x0 + q * side, min(x0 + (q + 1) * side, x1)
            for c in range(stack.shape[0]):
                _note_greys(stack[c, y, left:right], saturation, greys[r, q, c])
        if y < REACH or y + REACH >= height:
            continue
        first = x0 + (-(x0 + origin_x)) % SAMPLE_STEP
        for x in range(first, x1, SAMPLE_STEP):
            if labels[y, x] == 0 or x < REACH or x + REACH >= width:
                continue
            _note_sharpness(stack[dna], y, x, sums[r, (x - x0) // side])


@part
def _note_greys(row: NDArray[np.uint16], saturation: int, greys: NDArray[np.int64]) -> None:
    """Add a run of pixels to the grey levels of a square and channel."""
    lowest = highest = row[0]
    for value in row:  # a loop for each extreme: compilers make vector instructions of these
        lowest = min(lowest, value)
    for value in row:
        highest = max(highest, value)
    saturated = 0
    if highest >= saturation:
        for value in row:
            saturated += value >= saturation
    greys[SAMPLED] += row.size
    greys[SATURATED] += saturated
    greys[LOWEST] = min(greys[LOWEST], np.int64(lowest))
    greys[HIGHEST] = max(greys[HIGHEST], np.int64(highest))


@part
def _note_sharpness(image: NDArray[np.uint16], y: int, x: int, square: NDArray[np.int64]) -> None:
    """Add a pixel of a nucleus to the sums of its square."""
    total = np.int64(0)
    for i in range(7):
        for j in range(7):
            total += _FILTER[i, j] * np.int64(image[y + i - REACH, x + j - REACH])
    filtered = total >> _SHIFT
    noise = np.int64(0)
    for i in range(-1, 2):
        for j in range(-1, 2):
            noise += (2 - 3 * abs(i)) * (2 - 3 * abs(j)) * np.int64(image[y + i, x + j])
    square[PIXELS] += 1
    square[DNA_SUM] += image[y, x]
    square[FILTERED] += filtered
    square[FILTERED_SQUARES] += filtered * filtered
    square[NOISE_SQUARES] += noise * noise
