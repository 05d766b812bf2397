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

SMOOTH = (1, 4, 6, 4, 1)
"""Binomial smoothing of 5 px (SD 1 px)."""
BENT = (1, 2, -1, -4, -1, 2, 1)
"""Its second difference. The Laplacian (4 neighbours) of the smoothing is that of one axis smoothed
along the other, and the other way round: weights are 256 times those of a smoothing of sum 1."""


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
    space: NDArray[np.int32],
    sums: NDArray[np.int64],
    greys: NDArray[np.int64],
) -> None:
    """Fill the sums and grey levels of a block's squares.

    labels : (y, x), 0 outside of nuclei
    stack : (c, y, x), the same pixels; ``dna`` the index of the one whose sharpness counts
    core : the block within the arrays
    origin_y, origin_x : on the slide, of the arrays' first pixel
    side : of a square, in pixels
    space : (3, x), room
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
        _filter_down(stack[dna], y, space)
        first = x0 + (-(x0 + origin_x)) % SAMPLE_STEP
        for x in range(first, x1, SAMPLE_STEP):
            if labels[y, x] == 0 or x < REACH or x + REACH >= width:
                continue
            _note_sharpness(stack[dna, y, x], x, space, sums[r, (x - x0) // side])


@part
def _note_greys(row: NDArray[np.uint16], saturation: int, greys: NDArray[np.int64]) -> None:
    """Add a run of pixels to the grey levels of a square and channel."""
    lowest = highest = row[0]
    for x in range(row.size):  # choices instead of min: a loop of vector instructions
        value = row[x]
        lowest = value if value < lowest else lowest
        highest = value if value > highest else highest
    saturated = 0
    if highest >= saturation:
        for value in row:
            saturated += value >= saturation
    greys[SAMPLED] += row.size
    greys[SATURATED] += saturated
    greys[LOWEST] = min(greys[LOWEST], np.int64(lowest))
    greys[HIGHEST] = max(greys[HIGHEST], np.int64(highest))


@part
def _filter_down(image, y, space):  # type: ignore[no-untyped-def]
    """Fill ``space`` with what the filters make of the columns around a row.

    The smoothing, its second difference, and the second difference alone.
    """
    smooth, bent, noise = space[0], space[1], space[2]
    for x in range(smooth.size):
        smooth[x] = 0
        bent[x] = 0
    for i in range(7):
        row, weight = image[y + i - REACH], np.int32(BENT[i])
        for x in range(smooth.size):
            bent[x] += weight * np.int32(row[x])
    for i in range(5):
        row, weight = image[y + i - 2], np.int32(SMOOTH[i])
        for x in range(smooth.size):
            smooth[x] += weight * np.int32(row[x])
    above, row, below = image[y - 1], image[y], image[y + 1]
    for x in range(noise.size):
        noise[x] = np.int32(above[x]) - 2 * np.int32(row[x]) + np.int32(below[x])


@part
def _note_sharpness(level, x, space, square):  # type: ignore[no-untyped-def]
    """Add a pixel of a nucleus to the sums of its square, its columns filtered already."""
    smooth, bent, noise = space[0], space[1], space[2]
    total = np.int64(0)
    for j in range(7):
        total += BENT[j] * np.int64(smooth[x + j - REACH])
    for j in range(5):
        total += SMOOTH[j] * np.int64(bent[x + j - 2])
    filtered = total >> _SHIFT
    rough = np.int64(noise[x - 1]) - 2 * np.int64(noise[x]) + np.int64(noise[x + 1])
    square[PIXELS] += 1
    square[DNA_SUM] += level
    square[FILTERED] += filtered
    square[FILTERED_SQUARES] += filtered * filtered
    square[NOISE_SQUARES] += rough * rough
