"""The steps by which nuclei are found: each calls a kernel, with room to work in.

The kernels run without numba (`kernels/objects.py`), and so make no arrays themselves.
Axes: (y, x) pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.imaging.blocks import Box
from chc_gating.kernels import nucleus_entries as kernels
from chc_gating.kernels.pixel_columns import Core
from chc_gating.kernels.pixel_units import DEPTH_FRAME, OUTSIDE

IntImage = NDArray[np.int32]
Pixels = NDArray[np.int32]
"""Flat indices, y * width + x, ascending."""


def smooth_image(image: NDArray[np.uint16], weights: IntImage) -> IntImage:
    """Return an image convolved with symmetric weights along both axes, edges repeated.

    ``weights`` has odd length and sums to 2**WEIGHT_BITS; the result is in units of
    2**-FRACTION_BITS grey levels.
    """
    width = image.shape[1]
    down, result = np.empty(image.shape, np.int32), np.empty(image.shape, np.int32)
    row, padded = np.empty(width, np.int32), np.empty(width + len(weights) - 1, np.int32)
    kernels.smooth_image(image, weights, down, row, padded, result)
    return result


def measure_depth(mask: NDArray[np.bool_], limit: int) -> NDArray[np.uint16]:
    """Return each mask pixel's distance to the nearest pixel outside, in 1/STEP px.

    At most ``limit``; what lies beyond the image's edge counts as inside.
    """
    height, width = mask.shape
    depth = np.empty((height + 2 * DEPTH_FRAME, width + 2 * DEPTH_FRAME), np.int32)
    result = np.empty(mask.shape, np.uint16)
    kernels.measure_depth(mask, limit, depth, result)
    return result


def mean_box(image: IntImage, radius: int) -> IntImage:
    """Return the mean, rounded down, of the square of ``radius`` around each pixel."""
    width = image.shape[1]
    padded, space = np.zeros(width + 2 * radius + 1, np.int32), np.empty((2, width))
    result = np.empty(image.shape, np.int32)
    kernels.mean_box(image, radius, padded, space, result)
    return result


def find_contrast(
    image: IntImage, mean: IntImage, radius: int, *, floor: int, percent: int, box: Box
) -> tuple[IntImage, NDArray[np.bool_]]:
    """Return contrast over the local background, and the mask, of the pixels of a box.

    See `kernels/pixels_contrast.py` for what they are.
    """
    width = image.shape[1]
    columns = np.zeros((3, width + 2 * radius + 1), np.int32)
    space, nothing = np.empty((4, width)), np.zeros(width, np.int32)
    contrast = np.empty((box.height, box.width), np.int32)
    mask = np.empty(contrast.shape, np.bool_)
    kernels.find_contrast(
        image, mean, radius, floor, percent, Core(*box.edges),
        columns, space, nothing, contrast, mask,
    )  # fmt: skip
    return contrast, mask


def climb_once(score: IntImage) -> tuple[IntImage, Pixels]:
    """Return for each pixel the flat index of its highest neighbour, its own at a maximum.

    Pixels of score 0 are outside (-1); the flat indices of the others are returned too.
    """
    height, width = score.shape
    framed = np.zeros((height + 2, width + 2), np.int32)
    framed[1:-1, 1:-1] = score
    ways, inside = np.empty(score.shape, np.int32), np.empty(score.size, np.int32)
    found = kernels.climb_once(framed, ways, inside)
    return ways, inside[:found].copy()


def join_maxima(score: IntImage, ways: IntImage, inside: Pixels, *, radius: int) -> None:
    """Lead each maximum to the highest one within ``radius``; changes ``ways`` in place."""
    is_maximum, found = np.zeros(ways.shape, np.bool_), np.empty_like(inside)
    kernels.join_maxima(score, ways.reshape(-1), inside, radius, is_maximum, found)


def label_basins(
    ways: IntImage,
    inside: Pixels,
    contrast: IntImage,
    *,
    lowest_seed: int,
    share: int,
    radius: int,
) -> IntImage:
    """Return the seed (flat index) of each pixel, -1 outside.

    A pixel's way lies within ``radius`` of its seed and keeps ``share`` percent of the seed's
    contrast; a seed below ``lowest_seed`` has no basin.
    """
    way, seeds = np.empty_like(inside), np.full(ways.shape, OUTSIDE, np.int32)
    kernels.label_basins(
        ways.reshape(-1), inside, contrast.reshape(-1), ways.shape[1],
        lowest_seed, share, radius, way, seeds.reshape(-1),
    )  # fmt: skip
    return seeds


def keep_nuclei(
    seeds: IntImage,
    inside: Pixels,
    *,
    smallest_area: int,
    counted: Box,
    kept: Box,
    origin: tuple[int, int],
    slide_width: int,
) -> NDArray[np.int64]:
    """Return the seed's index on the slide of each pixel of ``kept``, -1 outside nuclei.

    A nucleus is large enough when its pixels in ``counted`` are. ``origin`` is the array's first
    pixel (y, x) on the slide.
    """
    result = np.full((kept.height, kept.width), OUTSIDE, np.int64)
    kernels.keep_nuclei(
        seeds.reshape(-1), inside, seeds.shape[1], smallest_area,
        Core(*counted.edges), Core(*kept.edges), *origin, slide_width,
        np.zeros(seeds.size, np.int32), result,
    )  # fmt: skip
    return result


def count_seeds(seeds: NDArray[np.int64], block: Box, *, slide_width: int) -> int:
    """Count the pixels of a block of the slide that are the seed of their nucleus."""
    own = np.ascontiguousarray(seeds)
    return kernels.count_seeds(own, block.y0, block.x0, slide_width)
