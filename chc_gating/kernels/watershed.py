"""A watershed by steepest ascent: every pixel climbs to a seed, within a fixed reach.

A flooding watershed settles the border of two basins by what flooded them, and so on without
bound; two blocks of a slide could then disagree at their seam. Here a pixel's basin depends on
the score along its own way up, and that way is confined to a box around its seed.
Axes: (y, x) pixels; ways are held as flat indices, y * width + x, in int32: an array has fewer
than 2**31 pixels. Few pixels lie in nuclei, so what comes after the first look goes along a list
of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel
from chc_gating.kernels.pixel_units import OUTSIDE, UNKNOWN

ScoreImage = NDArray[np.int32]
WayImage = NDArray[np.int32]
Pixels = NDArray[np.int32]


@kernel
def climb_once(framed: ScoreImage, ways: WayImage, inside: Pixels) -> int:
    """Write for each pixel the flat index of its highest neighbour, its own at a maximum.

    framed : the score with a frame of pixels outside, which spares the look for the edge
    ways : (y, x)
    inside : (y * x,), whose first items become the flat indices of the pixels that are not
    outside, ascending; how many there are is returned

    Pixels of score 0 are outside (-1).
    Higher means a greater score, and of equal scores the pixel that comes first in raster order,
    so that every maximum is a single pixel.
    """
    height, width = ways.shape
    found = 0
    for y in range(height):
        ways[y, :] = OUTSIDE
        above, here, below = framed[y], framed[y + 1], framed[y + 2]
        for x in range(width):
            if here[x + 1] == 0:
                continue
            inside[found] = y * width + x
            found += 1
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
    return found


@kernel
def _row_of(here: int, across: float) -> np.int32:
    """Return here // width for ``across`` 1 / width, without a division.

    Half a pixel keeps the product farther from a whole number than float64 errs.
    """
    return np.int32((here + 0.5) * across)


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
def list_maxima(up: Pixels, inside: Pixels, is_maximum, found: Pixels) -> int:  # type: ignore[no-untyped-def]
    """Write the maxima among the pixels ``inside``, in order; return how many there are.

    They are marked in ``is_maximum`` (y, x) bool, False before, and stand first in ``found``.
    """
    width = is_maximum.shape[1]
    count = 0
    for here in inside:
        if up[here] == here:
            found[count] = here
            count += 1
            is_maximum[here // width, here % width] = True
    return count


@kernel
def join_maxima(  # type: ignore[no-untyped-def]
    score: ScoreImage, up: Pixels, inside: Pixels, radius: int, is_maximum, found: Pixels
) -> None:
    """Lead each maximum to the highest maximum within ``radius``; what is left are seeds.

    Only a maximum that a straight line inside the mask joins counts, so that a nucleus is not
    led across a gap into its neighbour. Changes ``up``, the ways (y * x,), in place.
    Room to work in: ``is_maximum`` (y, x) bool, False, and ``found``, as long as ``inside``.
    """
    height, width = score.shape
    for here in found[: list_maxima(up, inside, is_maximum, found)]:
        y, x = here // width, here % width
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
        up[here] = best_y * width + best_x


@kernel
def label_basins(  # type: ignore[no-untyped-def]
    up: Pixels,
    inside: Pixels,
    level: Pixels,
    width: int,
    lowest_seed: int,
    share: int,
    max_radius,
    way: Pixels,
    seeds: Pixels,
) -> None:
    """Write the seed (flat index) of each pixel, -1 outside.

    A pixel belongs to the seed it climbs to when every pixel of its way lies within
    ``max_radius`` of the seed (in both axes) and keeps at least ``share`` percent of the seed's
    contrast; a seed below ``lowest_seed`` has no basin. A way is followed up to the first pixel
    whose seed is known, so that each pixel is visited once. ``seeds`` (y * x,) is OUTSIDE before;
    ``way``, as long as ``inside``, is room to work in.
    """
    for here in inside:
        seeds[here] = UNKNOWN
    across = 1.0 / width
    for start in inside:
        here, steps = start, 0
        while seeds[here] == UNKNOWN:
            if up[here] == here:
                seeds[here] = here if level[here] >= lowest_seed else OUTSIDE
            else:
                way[steps] = here
                steps += 1
                here = up[here]
        seed = seeds[here]
        if steps == 0:
            continue
        if seed == OUTSIDE:
            for i in range(steps):
                seeds[way[i]] = OUTSIDE
            continue
        seed_y = _row_of(seed, across)
        seed_x = seed - seed_y * width
        lowest = share * np.int64(level[seed])
        for i in range(steps - 1, -1, -1):
            here = way[i]
            y = _row_of(here, across)
            x = here - y * width
            if (
                abs(y - seed_y) > max_radius
                or abs(x - seed_x) > max_radius
                or 100 * np.int64(level[here]) < lowest
            ):
                # What climbs through this pixel has no seed either.
                for j in range(i + 1):
                    seeds[way[j]] = OUTSIDE
                break
            seeds[here] = seed


@kernel
def keep_nuclei(  # type: ignore[no-untyped-def]
    of: Pixels,
    inside: Pixels,
    width: int,
    smallest_area: int,
    counted,
    kept,
    origin_y: int,
    origin_x: int,
    slide_width: int,
    areas: Pixels,
    result: NDArray[np.int64],
) -> None:
    """Write the seed's index on the slide of each pixel of a box, -1 outside nuclei.

    ``counted`` and ``kept`` are boxes (y0, y1, x0, x1): a nucleus is large enough when its
    pixels in ``counted`` are; the pixels of ``kept`` are written. ``origin_y`` and ``origin_x``
    are the arrays' first pixel on the slide. ``result``, of the shape of ``kept``, is -1 before;
    ``areas`` (y * x,) zeros, room to work in.
    """
    across = 1.0 / width
    for here in inside:
        seed = of[here]
        if seed == OUTSIDE:
            continue
        y = _row_of(here, across)
        x = here - y * width
        if counted[0] <= y < counted[1] and counted[2] <= x < counted[3]:
            areas[seed] += 1
    y0, y1, x0, x1 = kept
    for here in inside:
        seed = of[here]
        if seed == OUTSIDE or areas[seed] < smallest_area:
            continue
        y = _row_of(here, across)
        x = here - y * width
        if y0 <= y < y1 and x0 <= x < x1:
            seed_y = _row_of(seed, across)
            place = (np.int64(seed_y) + origin_y) * slide_width
            result[y - y0, x - x0] = place + seed - seed_y * width + origin_x


@kernel
def count_seeds(seeds, y0: int, x0: int, slide_width: int) -> int:  # type: ignore[no-untyped-def]
    """Count the pixels of a block, at (y0, x0) of the slide, that are the seed of their nucleus."""
    count = 0
    for y in range(seeds.shape[0]):
        first = (y0 + y) * slide_width + x0
        for x in range(seeds.shape[1]):
            count += seeds[y, x] == first + x
    return count
