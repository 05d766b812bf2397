"""Order statistics of grey levels, by narrowing their range instead of by sorting.

How many levels do not exceed a limit is a loop of vector instructions, some 32 levels at a time.
Where to count next follows from the counts so far, as if levels lay evenly between two limits: half
a dozen such counts cost less than one histogram, whose additions wait for each other where most
levels are alike. What is found is exact and the same whichever limits were tried.

Levels are padded to a multiple of CHUNK, so that no loop has a remainder: by copies of one of them,
or of any level, which are counted off again (``pads``).
"""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import part
from chc_gating.kernels.pixel_columns import CHUNK, CHUNK_BITS, VECTOR

_MOST_CHUNKS = 256
"""Chunks that are counted at a time: few enough for a count that is as narrow as a level."""

_TOP = 65535


@part
def pad_levels(levels, size):  # type: ignore[no-untyped-def]
    """Fill the chunks of levels (n,) with copies of the first one; return how many they are.

    They are as many as `pixel_columns.count_chunks` says.
    """
    if size == 0:
        return 0
    chunks = (size + VECTOR + CHUNK - 1) >> CHUNK_BITS
    for i in range(size, chunks << CHUNK_BITS):
        levels[i] = levels[0]
    return chunks


@part
def interpolate_quantile(levels, chunks, pads, share, low, high, guess):  # type: ignore[no-untyped-def]
    """Return a quantile of padded grey levels, at least one: linear between order statistics.

    The level at rank (n - 1) share from 0, numpy's default (Hyndman and Fan 1996, type 7), with
    the rounding of numpy's interpolation.

    pads : level and number of the copies, of two kinds
    low, high : the least and the greatest level
    guess : where to look first
    """
    n = (chunks << CHUNK_BITS) - pads[1] - pads[3]
    position = (n - 1) * share
    rank = np.int64(position)
    fraction = position - rank
    low, high, below, within = _narrow(levels, chunks, pads, rank, (low, high, n), guess)
    lower = _pick_level(levels, chunks, low, high, below == rank)
    if lower < high and below == rank:
        within = count_up_to(levels, chunks, pads, lower)
    if fraction == 0 or within > rank + 1:
        return np.float64(lower)
    step = np.float64(_find_least(levels, chunks, lower + 1) - lower)
    if fraction >= 0.5:
        return lower + step - step * (1 - fraction)
    return lower + step * fraction


@part
def find_rank(levels, chunks, pads, rank, bounds, guess):  # type: ignore[no-untyped-def]
    """Return the level of a rank, from 0: the least that more than ``rank`` do not exceed.

    bounds : two levels between which it lies, inclusive, the lower one that of rank 0, and how many
        levels do not exceed the higher one
    """
    low, high, below, _ = _narrow(levels, chunks, pads, rank, bounds, guess)
    return _pick_level(levels, chunks, low, high, below == rank)


@part
def _pick_level(levels, chunks, low, high, is_least):  # type: ignore[no-untyped-def]
    """Return the least or the greatest level within bounds that `_narrow` found."""
    if low == high:
        return low
    return _find_least(levels, chunks, low) if is_least else _find_greatest(levels, chunks, high)


@part
def _narrow(levels, chunks, pads, rank, bounds, guess):  # type: ignore[no-untyped-def]
    """Return bounds of the level of a rank, how many levels lie below, and how many do not exceed.

    Either the bounds are equal, or the level is the least or the greatest of those within.
    """
    low, high, within = bounds
    below, side = 0, 0
    middle = guess
    while low < high and below < rank and within > rank + 1:
        middle = min(max(middle, low), high - 1)
        count = count_up_to(levels, chunks, pads, middle)
        if count > rank:
            high, within = middle, count
            side = max(side, 0) + 1
        else:
            low, below = middle + 1, count
            side = min(side, 0) - 1
        if abs(side) > 2:  # it creeps up from one side: halve instead
            middle, side = (low + high) >> 1, 0
        else:
            share = (rank + 0.5 - below) / (within - below)
            middle = low - 1 + np.int64(share * (high - low + 1))
    return low, high, below, within


@part
def count_up_to(levels, chunks, pads, limit):  # type: ignore[no-untyped-def]
    """Return how many of padded levels do not exceed a limit."""
    total = np.int64(0)
    for first in range(0, chunks, _MOST_CHUNKS):
        some = min(chunks - first, _MOST_CHUNKS)
        total += _count_few(levels[first << CHUNK_BITS :], some, limit)
    total -= pads[1] if pads[0] <= limit else 0
    total -= pads[3] if pads[2] <= limit else 0
    return total


@part
def _count_few(levels, chunks, limit):  # type: ignore[no-untyped-def]
    """Return how many of the levels of at most _MOST_CHUNKS chunks do not exceed a limit."""
    top = np.uint16(limit)
    count = np.uint16(0)
    for i in range(chunks << CHUNK_BITS):
        count = np.uint16(count + (np.uint16(1) if levels[i] <= top else np.uint16(0)))
    return np.int64(count)


@part
def _find_least(levels, chunks, limit):  # type: ignore[no-untyped-def]
    """Return the least level from a limit on, of which there is one.

    What lies below the limit becomes greater than all others by the subtraction.
    """
    bottom, least = np.uint16(limit), np.uint16(_TOP)
    for i in range(chunks << CHUNK_BITS):
        over = np.uint16(levels[i] - bottom)
        least = over if over < least else least
    return np.int64(least) + limit


@part
def _find_greatest(levels, chunks, limit):  # type: ignore[no-untyped-def]
    """Return the greatest level that does not exceed a limit, of which there is one."""
    top, least = np.uint16(limit), np.uint16(_TOP)
    for i in range(chunks << CHUNK_BITS):
        under = np.uint16(top - levels[i])
        least = under if under < least else least
    return limit - np.int64(least)
