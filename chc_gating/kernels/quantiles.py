"""Order statistics of grey levels, by halving their range instead of by sorting.

How many levels do not exceed a limit is a loop of vector instructions, sixteen levels at a time,
so that a dozen such counts cost less than one histogram, whose additions wait for each other where
most levels are alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import part

GreyLevels = NDArray[np.uint16]

_PIECE = 4096
"""Levels that are counted at a time: few enough for a count that is as narrow as a level."""


@part
def interpolate_quantile(levels: GreyLevels, share: float, low: int, high: int) -> float:
    """Return a quantile of grey levels (n,), at least one: linear between order statistics.

    The level at rank (n - 1) share from 0, numpy's default (Hyndman and Fan 1996, type 7), with
    the rounding of numpy's interpolation. ``low`` and ``high`` are bounds of the result.
    """
    position = (levels.size - 1) * share
    rank = int(position)
    fraction = position - rank
    lower = find_rank(levels, rank, low, high)
    if fraction == 0 or count_up_to(levels, lower) > rank + 1:
        return float(lower)
    step = float(_find_next(levels, lower) - lower)
    if fraction >= 0.5:
        return float(lower + step - step * (1 - fraction))
    return float(lower + step * fraction)


@part
def find_rank(levels, rank, low, high):  # type: ignore[no-untyped-def]
    """Return the level of a rank, from 0: the least that more than ``rank`` do not exceed.

    It lies between ``low`` and ``high``, inclusive.
    """
    while low < high:
        middle = (low + high) >> 1
        if count_up_to(levels, middle) > rank:
            high = middle
        else:
            low = middle + 1
    return low


@part
def count_up_to(levels, limit):  # type: ignore[no-untyped-def]
    """Return how many levels do not exceed a limit."""
    if levels.size <= _PIECE:
        return np.int64(_count_few(levels, limit))
    total = np.int64(0)
    for start in range(0, levels.size, _PIECE):
        total += _count_few(levels[start : start + _PIECE], limit)
    return total


@part
def _count_few(levels, limit):  # type: ignore[no-untyped-def]
    top = np.uint16(limit)
    count = np.uint16(0)
    for i in range(levels.size):
        count = np.uint16(count + (np.uint16(1) if levels[i] <= top else np.uint16(0)))
    return count


@part
def _find_next(levels, limit):  # type: ignore[no-untyped-def]
    """Return the least level above a limit."""
    top = np.uint16(limit)
    least = np.uint16(65535)
    for i in range(levels.size):
        level = levels[i] if levels[i] > top else np.uint16(65535)
        least = level if level < least else least
    return np.int64(least)
