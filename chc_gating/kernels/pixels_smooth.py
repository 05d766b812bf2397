"""Smoothing and depth in integers.

Everything here is whole-number arithmetic, so a pixel's result depends on the pixels within
reach and on nothing else: not on its place in the array, on vector units, or on the machine.
Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

IntImage = NDArray[np.int32]

WEIGHT_BITS = 10
"""Weights of a smoothing kernel sum to 2**WEIGHT_BITS."""

FRACTION_BITS = 4
"""A smoothed image carries this many binary places below one grey level."""


@kernel
def smooth_image(image: NDArray[np.uint16], weights: IntImage) -> IntImage:
    """Return ``image`` convolved with symmetric ``weights`` along both axes, edges repeated.

    ``weights`` has odd length and sums to 2**WEIGHT_BITS; the result is in units of
    2**-FRACTION_BITS grey levels. 16 bits of grey, 4 of fraction and 10 of weight fit int32.
    """
    height, width = image.shape
    radius = weights.size // 2
    first_shift = WEIGHT_BITS - FRACTION_BITS
    down = np.empty((height, width), np.int32)
    row = np.empty(width, np.int32)
    for y in range(height):
        row[:] = 0
        for k in range(weights.size):
            source = min(max(y + k - radius, 0), height - 1)
            weight = weights[k]
            for x in range(width):
                row[x] += weight * np.int32(image[source, x])
        for x in range(width):
            down[y, x] = row[x] >> first_shift
    result = np.empty((height, width), np.int32)
    padded = np.empty(width + 2 * radius, np.int32)
    for y in range(height):
        padded[:radius] = down[y, 0]
        padded[radius : radius + width] = down[y]
        padded[radius + width :] = down[y, width - 1]
        row[:] = 0
        for k in range(weights.size):
            weight = weights[k]
            for x in range(width):
                row[x] += weight * padded[x + k]
        for x in range(width):
            result[y, x] = row[x] >> WEIGHT_BITS
    return result


STEP, DIAGONAL, KNIGHT = 5, 7, 11
"""Chamfer lengths of one pixel across, of a diagonal and of a knight's move (Borgefors 1986)."""


@kernel
def measure_depth(mask: NDArray[np.bool_], limit: int) -> NDArray[np.uint16]:
    """Return each mask pixel's chamfer distance to the nearest pixel outside, at most ``limit``.

    In units of 1/STEP pixels. Beyond the image's edge counts as inside, so that an object that
    the edge cuts is not thinned there. Two sweeps are exact for a chamfer distance, and the
    limit makes its reach finite.
    """
    height, width = mask.shape
    depth = np.full((height + 4, width + 4), limit, np.int32)
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
    result = np.empty((height, width), np.uint16)
    for y in range(height):
        for x in range(width):
            result[y, x] = depth[y + 2, x + 2]
    return result
