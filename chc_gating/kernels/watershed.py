"""A watershed by steepest ascent: every pixel climbs to a seed, within a fixed reach.

A flooding watershed settles the border of two basins by what flooded them, and so on without
bound; two blocks of a slide could then disagree at their seam. Here a pixel's basin depends on
the score along its own way up, and that way is confined to a box around its seed.
Axes: (y, x) pixels; ways are held as flat indices, y * width + x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel

ScoreImage = NDArray[np.int32]
WayImage = NDArray[np.int64]

OUTSIDE, UNKNOWN = -1, -2


@kernel
def climb_once(score: ScoreImage) -> WayImage:
    """Return for each pixel the flat index of its highest neighbour, its own at a maximum.

    Pixels of score 0 are outside (-1). Higher means a greater score, and of equal scores the
    pixel that comes first in raster order, so that every maximum is a single pixel.
    """
    height, width = score.shape
    ways = np.full((height, width), OUTSIDE, np.int64)
    # A frame of pixels outside spares every pixel the look for the edge.
    framed = np.zeros((height + 2, width + 2), np.int32)
    framed[1:-1, 1:-1] = score
    for y in range(height):
        above, here, below = framed[y], framed[y + 1], framed[y + 2]
        for x in range(width):
            if here[x + 1] == 0:
                continue
            # In raster order, so that of equal scores the first one stays.
            best, to_y, to_x = above[x], -1, -1
            if above[x + 1] > best:
                best, to_y, to_x = above[x + 1], -1, 0
            if above[x + 2] > best:
                best, to_y, to_x = above[x + 2], -1, 1
            if here[x] > best:
                best, to_y, to_x = here[x], 0, -1
            if here[x + 1] > best:
                best, to_y, to_x = here[x + 1], 0, 0
            if here[x + 2] > best:
                best, to_y, to_x = here[x + 2], 0, 1
            if below[x] > best:
                best, to_y, to_x = below[x], 1, -1
            if below[x + 1] > best:
                best, to_y, to_x = below[x + 1], 1, 0
            if below[x + 2] > best:
                best, to_y, to_x = below[x + 2], 1, 1
            ways[y, x] = (y + to_y) * width + x + to_x
    return ways


@kernel
def _line_is_inside(score: ScoreImage, y0: int, x0: int, y1: int, x1: int) -> bool:
    steps = max(abs(y1 - y0), abs(x1 - x0))
    for i in range(1, steps):
        y = y0 + (2 * i * (y1 - y0) + steps) // (2 * steps)
        x = x0 + (2 * i * (x1 - x0) + steps) // (2 * steps)
        if score[y, x] == 0:
            return False
    return True


@kernel
def join_maxima(score: ScoreImage, ways: WayImage, radius: int) -> None:
    """Lead each maximum to the highest maximum within ``radius``; what is left are seeds.

    Only a maximum that a straight line inside the mask joins counts, so that a nucleus is not
    led across a gap into its neighbour. Changes ``ways`` in place.
    """
    height, width = score.shape
    found = np.empty(score.size, np.int64)
    count = 0
    for y in range(height):
        for x in range(width):
            if ways[y, x] == y * width + x:
                found[count] = y * width + x
                count += 1
    is_maximum = np.zeros((height, width), np.bool_)
    for i in range(count):
        is_maximum[found[i] // width, found[i] % width] = True
    for i in range(count):
        y, x = found[i] // width, found[i] % width
        best, best_y, best_x = score[y, x], y, x
        for ny in range(max(y - radius, 0), min(y + radius + 1, height)):
            for nx in range(max(x - radius, 0), min(x + radius + 1, width)):
                if not is_maximum[ny, nx] or (ny - y) ** 2 + (nx - x) ** 2 > radius * radius:
                    continue
                value = score[ny, nx]
                first = ny < best_y or (ny == best_y and nx < best_x)
                higher = value > best or (value == best and first)
                if higher and _line_is_inside(score, y, x, ny, nx):
                    best, best_y, best_x = value, ny, nx
        ways[y, x] = best_y * width + best_x


@kernel
def label_basins(
    ways: WayImage, contrast: ScoreImage, lowest_seed: int, share: int, max_radius: int
) -> WayImage:
    """Return the seed (flat index) of each pixel, -1 outside.

    A pixel belongs to the seed it climbs to when every pixel of its way lies within
    ``max_radius`` of the seed (in both axes) and keeps at least ``share`` percent of the seed's
    contrast; a seed below ``lowest_seed`` has no basin. A way is followed up to the first pixel
    whose seed is known, so that each pixel is visited once.
    """
    height, width = ways.shape
    up, level = ways.ravel(), contrast.ravel()
    seeds = np.full(ways.size, UNKNOWN, np.int64)
    way = np.empty(ways.size, np.int64)
    for start in range(ways.size):
        here, steps = start, 0
        while seeds[here] == UNKNOWN:
            if up[here] == OUTSIDE:
                seeds[here] = OUTSIDE
            elif up[here] == here:
                seeds[here] = here if level[here] >= lowest_seed else OUTSIDE
            else:
                way[steps] = here
                steps += 1
                here = up[here]
        seed = seeds[here]
        if steps == 0:
            continue
        seed_y, seed_x = seed // width, seed % width
        lowest = 0 if seed == OUTSIDE else share * np.int64(level[seed])
        for i in range(steps - 1, -1, -1):
            here = way[i]
            if seed != OUTSIDE and (
                abs(here // width - seed_y) > max_radius
                or abs(here % width - seed_x) > max_radius
                or 100 * np.int64(level[here]) < lowest
            ):
                seed = OUTSIDE
            seeds[here] = seed
    return seeds.reshape((height, width))


@kernel
def keep_nuclei(  # type: ignore[no-untyped-def]
    seeds: WayImage, smallest_area: int, counted, kept, origin, slide_width: int
) -> WayImage:
    """Return the seed's index on the slide of each pixel of a box, -1 outside nuclei.

    ``counted`` and ``kept`` are boxes (y0, y1, x0, x1): a nucleus is large enough when its
    pixels in ``counted`` are; the pixels of ``kept`` are returned. ``origin`` is the array's
    first pixel (y, x) on the slide.
    """
    width = seeds.shape[1]
    areas = np.zeros(seeds.size, np.int32)
    for y in range(counted[0], counted[1]):
        for x in range(counted[2], counted[3]):
            if seeds[y, x] != OUTSIDE:
                areas[seeds[y, x]] += 1
    y0, y1, x0, x1 = kept
    result = np.full((y1 - y0, x1 - x0), OUTSIDE, np.int64)
    for y in range(y0, y1):
        for x in range(x0, x1):
            seed = seeds[y, x]
            if seed != OUTSIDE and areas[seed] >= smallest_area:
                place = (seed // width + origin[0]) * slide_width
                result[y - y0, x - x0] = place + seed % width + origin[1]
    return result
