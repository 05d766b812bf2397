"""Maxima of one nucleus joined: those between which the score hardly dips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import kernel
from chc_gating.kernels.watershed import Pixels, ScoreImage, WayImage, list_maxima


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
def _find_near(is_maximum, y: int, x: int, radius: int) -> NDArray[np.int64]:  # type: ignore[no-untyped-def]
    """Return the maxima within ``radius`` of a pixel but itself, (count, 2): y, x."""
    height, width = is_maximum.shape
    near = np.empty((64, 2), np.int64)
    count = 0
    for ny in range(max(y - radius, 0), min(y + radius + 1, height)):
        for nx in range(max(x - radius, 0), min(x + radius + 1, width)):
            if not is_maximum[ny, nx] or (ny == y and nx == x):
                continue
            if (ny - y) ** 2 + (nx - x) ** 2 > radius * radius:
                continue
            if count == near.shape[0]:
                near = np.concatenate((near, np.empty_like(near)))
            near[count] = ny, nx
            count += 1
    return near[:count]


@kernel
def _is_led(score: ScoreImage, near, straight, i: int, needed: int) -> bool:  # type: ignore[no-untyped-def]
    """Return whether the i-th near maximum is reached, straight or by way of another one."""
    if straight[i]:
        return True
    for k in range(near.shape[0]):
        if straight[k]:
            lowest = _lowest_on_line(score, near[k, 0], near[k, 1], near[i, 0], near[i, 1])
            if 100 * np.int64(lowest) >= needed:
                return True
    return False


@kernel
def join_shallow(
    score: ScoreImage, ways: WayImage, inside: Pixels, radius: int, percent: int
) -> None:
    """Lead each maximum to the highest one within ``radius`` to which the score hardly dips.

    On the way between them the score keeps at least ``percent`` of the lower maximum's; the way
    is a straight line, or two by way of a third maximum, as between the outer lobes of a bent
    nucleus. Of equal maxima the first in raster order is the higher. What is led nowhere is a
    seed. Changes ``ways`` in place.
    """
    height, width = score.shape
    up = ways.ravel()
    is_maximum = np.zeros((height, width), np.bool_)
    found = np.empty(inside.size, np.int32)
    for here in found[: list_maxima(up, inside, is_maximum, found)]:
        y, x = np.int64(here // width), np.int64(here % width)
        best, to_y, to_x = score[y, x], y, x
        needed = percent * np.int64(best)
        near = _find_near(is_maximum, y, x, radius)
        straight = np.empty(near.shape[0], np.bool_)
        for i in range(near.shape[0]):
            lowest = _lowest_on_line(score, y, x, near[i, 0], near[i, 1])
            straight[i] = 100 * np.int64(lowest) >= needed
        for i in range(near.shape[0]):
            ny, nx = near[i]
            value = score[ny, nx]
            first = ny < to_y or (ny == to_y and nx < to_x)
            higher = value > best or (value == best and first)
            if higher and _is_led(score, near, straight, i, needed):
                best, to_y, to_x = value, ny, nx
        up[here] = to_y * width + to_x
