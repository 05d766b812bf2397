"""Smoothing and depth in integers.

Everything here is whole-number arithmetic, so a pixel's result depends on the pixels within
reach and on nothing else: not on its place in the array, on vector units, or on the machine.
Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel
from chc_gating.kernels.pixel_units import (
    DEPTH_FRAME,
    DIAGONAL,
    FRACTION_BITS,
    KNIGHT,
    STEP,
    WEIGHT_BITS,
)

IntImage = NDArray[np.int32]


@kernel
def smooth_image(
    image: NDArray[np.uint16],
    weights: IntImage,
    down: IntImage,
    row: NDArray[np.int32],
    padded: NDArray[np.int32],
    result: IntImage,
) -> None:
    """Write ``image`` convolved with symmetric ``weights`` along both axes, edges repeated.

    ``weights`` has odd length and sums to 2**WEIGHT_BITS; the result is in units of
    2**-FRACTION_BITS grey levels. 16 bits of grey, 4 of fraction and 10 of weight fit int32.
    ``down`` (y, x), ``row`` (x) and ``padded`` (x + weights - 1) are room to work in.
    """
    height, width = image.shape
    radius = weights.size // 2
    first_shift = WEIGHT_BITS - FRACTION_BITS
    for y in range(height):
        row[:] = 0
        for k in range(weights.size):
            source = min(max(y + k - radius, 0), height - 1)
            weight = weights[k]
            for x in range(width):
                row[x] += weight * np.int32(image[source, x])
        for x in range(width):
            down[y, x] = row[x] >> first_shift
    for y in range(height):
        padded[:radius] = down[y, 0]
        for x in range(width):
            padded[radius + x] = down[y, x]
        padded[radius + width :] = down[y, width - 1]
        row[:] = 0
        for k in range(weights.size):
            weight = weights[k]
            for x in range(width):
                row[x] += weight * padded[x + k]
        for x in range(width):
            result[y, x] = row[x] >> WEIGHT_BITS


@kernel
def measure_depth(
    mask: NDArray[np.bool_], limit: int, depth: IntImage, result: NDArray[np.uint16]
) -> None:
    """Write each mask pixel's chamfer distance to the nearest pixel outside, at most ``limit``.

    In units of 1/STEP pixels. Beyond the image's edge counts as inside, so that an object that
    the edge cuts is not thinned there. Two sweeps are exact for a chamfer distance, and the
    limit makes its reach finite. ``depth``, wider by DEPTH_FRAME on each side, is room to work in.
    """
    height, width = mask.shape
    for y in range(height + 2 * DEPTH_FRAME):
        depth[y, :] = limit
    for y in range(height):
        for x in range(width):
            if mask[y, x]:
                near = min(depth[y + 1, x + 2], depth[y + 2, x + 1]) + STEP
                near = min(near, min(depth[y + 1, x + 1], depth[y + 1, x + 3]) + DIAGONAL)
                knight = min(depth[y, x + 1], depth[y, x + 3])
                knight = min(knight, min(depth[y + 1, x], depth[y + 1, x + 4]))
                depth[y + 2, x + 2] = min(limit, near, knight + KNIGHT)
            else:
                depth[y + 2, x + 2] = 0
    for y in range(height - 1, -1, -1):
        for x in range(width - 1, -1, -1):
            here = depth[y + 2, x + 2]
            if here > 0:
                near = min(depth[y + 3, x + 2], depth[y + 2, x + 3]) + STEP
                near = min(near, min(depth[y + 3, x + 1], depth[y + 3, x + 3]) + DIAGONAL)
                knight = min(depth[y + 4, x + 1], depth[y + 4, x + 3])
                knight = min(knight, min(depth[y + 3, x], depth[y + 3, x + 4]))
                depth[y + 2, x + 2] = min(here, near, knight + KNIGHT)
    for y in range(height):
        for x in range(width):
            result[y, x] = depth[y + 2, x + 2]
