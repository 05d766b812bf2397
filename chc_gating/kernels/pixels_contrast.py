"""Contrast over the local background, and the mask that a local threshold makes of it.

Whole numbers throughout. Quotients are taken in float64, where they are exact after rounding down:
a sum of a window is below 2**44 and a count below 2**20, so a quotient that is no whole number is
farther from the next one than float64 errs.
Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

IntImage = NDArray[np.int32]


@kernel
def _slide_along(columns, radius: int, sums) -> None:  # type: ignore[no-untyped-def]
    """Write into ``sums`` (x) the sum of the columns within ``radius`` of each x.

    ``columns`` has radius + 1 zeros before its first and radius after its last.
    """
    total = np.int64(0)
    for i in range(2 * radius + 1):
        total += columns[i]
    for x in range(sums.size):
        total += columns[x + 2 * radius + 1] - columns[x]
        sums[x] = total


@kernel
def _count_along(width: int, radius: int, counts) -> None:  # type: ignore[no-untyped-def]
    """Write into ``counts`` (x) how many columns lie within ``radius`` of each x."""
    for x in range(width):
        counts[x] = min(x + radius + 1, width) - max(x - radius, 0)


@kernel
def mean_box(  # type: ignore[no-untyped-def]
    image: IntImage, radius: int, padded, space: NDArray[np.float64], result: IntImage
) -> None:
    """Write the mean, rounded down, of the square of ``radius`` around each pixel.

    The square is clipped to the image. Levels have at most 20 bits and ``radius`` is at most 1,000
    (callers have 300): then a column's sum fits int32. Room to work in: ``padded``
    (x + 2 radius + 1) int32 zeros, ``space`` (2, x).
    """
    height, width = image.shape
    columns = padded[radius + 1 : radius + 1 + width]
    sums, across = space[0], space[1]
    _count_along(width, radius, across)
    for y in range(min(radius, height)):
        for x in range(width):
            columns[x] += image[y, x]
    for y in range(height):
        if y + radius < height:
            for x in range(width):
                columns[x] += image[y + radius, x]
        if y - radius - 1 >= 0:
            for x in range(width):
                columns[x] -= image[y - radius - 1, x]
        _slide_along(padded, radius, sums)
        rows = min(y + radius + 1, height) - max(y - radius, 0)
        for x in range(width):
            result[y, x] = np.int32(np.floor(sums[x] / (across[x] * rows)))


@kernel
def _exchange_rows(new, new_mean, old, old_mean, every, bright, counts) -> None:  # type: ignore[no-untyped-def]
    """Add a row's pixels to the columns and take an older row's away; those above their mean too.

    Without a factor for the sign, which would make every product one of 64 bits.
    """
    for x in range(new.size):
        comes = np.int32(new[x] > new_mean[x])
        goes = np.int32(old[x] > old_mean[x])
        every[x] += new[x] - old[x]
        bright[x] += new[x] * comes - old[x] * goes
        counts[x] += comes - goes


@kernel
def _judge_row(levels, sums, across, rows: int, floor: int, percent: int, contrast, mask) -> None:  # type: ignore[no-untyped-def]
    """Write contrast and mask of a row from the sums of its windows."""
    every, bright, counts = sums
    for x in range(levels.size):
        level = np.float64(levels[x])
        of_dark = across[x] * rows - counts[x]
        high = np.floor(bright[x] / counts[x])
        high = high if counts[x] > 0 else level
        low = np.ceil((every[x] - bright[x]) / of_dark)
        low = low if of_dark > 0 else level
        over = level - low
        contrast[x] = np.int32(over)
        mask[x] = (over > floor) & (100.0 * over > percent * (high - low))


@kernel
def find_contrast(  # type: ignore[no-untyped-def]
    image: IntImage,
    mean: IntImage,
    radius: int,
    floor: int,
    percent: int,
    box,
    columns: IntImage,
    space: NDArray[np.float64],
    nothing: NDArray[np.int32],
    contrast: IntImage,
    mask: NDArray[np.bool_],
) -> None:
    """Write contrast over the local background, and the mask, of the pixels of ``box``.

    The pixels of the square of ``radius`` around a pixel, clipped to the image, are bright where
    they exceed their own ``mean``, else dark. Contrast is what the pixel exceeds the dark ones'
    mean (rounded up) by. In the mask it exceeds ``floor``, and ``percent`` of what the bright
    ones' mean (rounded down) exceeds the dark ones' by. Of no pixels the mean is the pixel itself.
    ``box`` is (y0, y1, x0, x1); the results have its shape. Room to work in: ``columns``
    (3, x + 2 radius + 1) and ``nothing`` (x), zeros both, and ``space`` (4, x).
    """
    height, width = image.shape
    y0, y1, x0, x1 = box
    first, last = radius + 1, radius + 1 + width
    every, bright, counts = columns[0], columns[1], columns[2]
    every_sums, bright_sums, bright_counts, across = space[0], space[1], space[2], space[3]
    _count_along(width, radius, across)
    # The first rows only fill the window.
    for y in range(max(y0 - 2 * radius, -radius), y1):
        comes, goes = y + radius, y - radius - 1
        _exchange_rows(
            image[comes] if comes < height else nothing,
            mean[comes] if comes < height else nothing,
            image[goes] if goes >= max(y0 - radius, 0) else nothing,
            mean[goes] if goes >= max(y0 - radius, 0) else nothing,
            every[first:last],
            bright[first:last],
            counts[first:last],
        )
        if y < y0:
            continue
        _slide_along(every, radius, every_sums)
        _slide_along(bright, radius, bright_sums)
        _slide_along(counts, radius, bright_counts)
        rows = min(y + radius + 1, height) - max(y - radius, 0)
        _judge_row(
            image[y, x0:x1],
            (every_sums[x0:x1], bright_sums[x0:x1], bright_counts[x0:x1]),
            across[x0:x1],
            rows,
            floor,
            percent,
            contrast[y - y0],
            mask[y - y0],
        )
