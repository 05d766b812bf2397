"""Order statistics of a few hundred grey levels, by histogram instead of by sorting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chc_gating.kernels.options import part

GreyLevels = NDArray[np.uint16]

BINS = 256
_FEW = 8
"""Values of one bin that are faster sorted than counted again."""


@part
def find_shift(low: int, high: int) -> int:
    """Return how many bits to drop so that the levels from low to high fall into BINS bins."""
    shift = 0
    while (high - low) >> shift >= BINS:
        shift += 1
    return shift


@part
def sort_into_bins(levels, first: int, last: int, low: int, shift: int, ends, ordered) -> None:  # type: ignore[no-untyped-def]
    """Put levels[first:last] in order of their bins, (level - low) >> shift, into ``ordered``.

    They keep to the same places; those of bin b end before ``first + ends[b]``, in any order
    within the bin.
    """
    ends[:] = 0
    for i in range(first, last):
        ends[(levels[i] - low) >> shift] += 1
    total = np.int32(0)
    for b in range(BINS):
        count = ends[b]
        ends[b] = total
        total += count
    for i in range(first, last):
        level = levels[i]
        b = (level - low) >> shift
        ordered[first + ends[b]] = level
        ends[b] += 1


@part
def interpolate_quantile(  # type: ignore[no-untyped-def]
    share: float,
    ordered,
    split: int,
    ends,
    one: int,
    other: int,
    low: int,
    shift: int,
    scratch,
    counts,
) -> float:
    """Return a quantile of the grey levels of two lists: linear between order statistics.

    ordered : grey levels, the first list up to ``split``, then the second, each in order of bins
    ends : (lists, BINS), of `sort_into_bins`, whose rows ``one`` and ``other`` are of the two
    scratch : uint16, as long as ``ordered``; counts : (BINS,)

    The level at rank (n - 1) share from 0, numpy's default (Hyndman and Fan 1996, type 7), with
    the rounding of numpy's interpolation.
    """
    position = (ends[one, BINS - 1] + ends[other, BINS - 1] - 1) * share
    rank = int(position)
    fraction = position - rank
    b = _find_bin(rank, ends, one, other)
    passed = _load_bin(b, ordered, split, ends, one, other, scratch)
    size = ends[one, b] + ends[other, b] - passed
    start = low + (b << shift)
    _order_bin(scratch, size, start, shift, counts)
    lower = _find_level(rank - passed, scratch, size, start, shift, counts)
    if fraction == 0:
        return float(lower)
    if rank + 1 - passed == size:
        while ends[one, b] + ends[other, b] <= rank + 1:
            b += 1
        passed = _load_bin(b, ordered, split, ends, one, other, scratch)
        size = ends[one, b] + ends[other, b] - passed
        start = low + (b << shift)
        _order_bin(scratch, size, start, shift, counts)
    upper = _find_level(rank + 1 - passed, scratch, size, start, shift, counts)
    step = float(upper - lower)
    if fraction >= 0.5:
        return float(upper - step * (1 - fraction))
    return float(lower + step * fraction)


@part
def _find_bin(rank, ends, one, other):  # type: ignore[no-untyped-def]
    """Return the bin of a rank: the first that ends beyond it."""
    below, reached = -1, BINS - 1
    while reached - below > 1:
        middle = (below + reached) >> 1
        if ends[one, middle] + ends[other, middle] > rank:
            reached = middle
        else:
            below = middle
    return reached


@part
def _load_bin(b, ordered, split, ends, one, other, scratch):  # type: ignore[no-untyped-def]
    """Copy the levels of a bin of both lists, and return how many stand in bins before."""
    size = 0
    first = ends[one, b - 1] if b > 0 else np.int32(0)
    for i in range(first, ends[one, b]):
        scratch[size] = ordered[i]
        size += 1
    second = ends[other, b - 1] if b > 0 else np.int32(0)
    for i in range(split + second, split + ends[other, b]):
        scratch[size] = ordered[i]
        size += 1
    return first + second


@part
def _order_bin(levels, size, start, shift, counts):  # type: ignore[no-untyped-def]
    """Sort the few levels of a bin in place, or count the many; a bin is 2**shift levels wide."""
    if shift == 0:
        return
    if size > _FEW:
        for step in range(1 << shift):
            counts[step] = 0
        for i in range(size):
            counts[levels[i] - start] += 1
        return
    for i in range(1, size):
        level = levels[i]
        j = i
        while j > 0 and levels[j - 1] > level:
            levels[j] = levels[j - 1]
            j -= 1
        levels[j] = level


@part
def _find_level(rank, levels, size, start, shift, counts):  # type: ignore[no-untyped-def]
    """Return the level of a rank, from 0, in a bin that `_order_bin` has seen."""
    if shift == 0:
        return np.int64(start)
    if size <= _FEW:
        return np.int64(levels[rank])
    passed = 0
    step = 0
    while passed + counts[step] <= rank:
        passed += counts[step]
        step += 1
    return np.int64(start + step)
