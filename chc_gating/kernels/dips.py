"""Maxima of one nucleus joined: those between which the score hardly dips."""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel
from chc_gating.kernels.watershed import Pixels, ScoreImage, WayImage


@kernel
def _lowest_on_line(score: ScoreImage, y0: int, x0: int, y1: int, x1: int) -> int:
    lowest: int = min(score[y0, x0], score[y1, x1])
    steps = max(abs(y1 - y0), abs(x1 - x0))
    for i in range(1, steps):
        y = y0 + (2 * i * (y1 - y0) + steps) // (2 * steps)
        x = x0 + (2 * i * (x1 - x0) + steps) // (2 * steps)
        lowest = min(lowest, score[y, x])
    return lowest


@kernel
def join_shallow(
    score: ScoreImage, ways: WayImage, inside: Pixels, radius: int, percent: int
) -> None:
    """Lead each maximum to the highest one within ``radius`` to which the score hardly dips.

    Along the straight line between them the score keeps at least ``percent`` of the lower
    maximum's; of equal maxima the first in raster order is the higher. What is led nowhere is a
    seed. Changes ``ways`` in place.
    """
    height, width = score.shape
    up = ways.ravel()
    is_maximum = np.zeros((height, width), np.bool_)
    found = np.empty(inside.size, np.int32)
    count = 0
    for here in inside:
        if up[here] == here:
            found[count] = here
            count += 1
            is_maximum[here // width, here % width] = True
    for here in found[:count]:
        y, x = here // width, here % width
        best, best_y, best_x = score[y, x], y, x
        needed = percent * np.int64(score[y, x])
        for ny in range(max(y - radius, 0), min(y + radius + 1, height)):
            for nx in range(max(x - radius, 0), min(x + radius + 1, width)):
                if not is_maximum[ny, nx] or (ny - y) ** 2 + (nx - x) ** 2 > radius * radius:
                    continue
                value = score[ny, nx]
                first = ny < best_y or (ny == best_y and nx < best_x)
                if not (value > best or (value == best and first)):
                    continue
                if 100 * np.int64(_lowest_on_line(score, y, x, ny, nx)) >= needed:
                    best, best_y, best_x = value, ny, nx
        up[here] = best_y * width + best_x
