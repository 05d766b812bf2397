"""Exact quantiles of values that are read again and again and never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chc_gating.model.events import FloatArray

Values = Callable[[], Iterator[FloatArray]]
"""Called for each pass over finite values: yields (k,) arrays, the same values every time."""

HELD_VALUES = 1 << 20
"""Values that are held and sorted in the end, 8 MB."""
_STEP_BITS, _KEY_BITS = 16, 64


@dataclass(frozen=True)
class _Group:
    """Values whose keys begin with ``prefix`` (of ``bits`` bits), ``below`` of all before them."""

    prefix: int
    bits: int
    below: int
    count: int


def find_quantiles(values: Values, shares: Sequence[float]) -> tuple[int, tuple[float, ...]]:
    """Return how many values there are, and their quantiles by linear interpolation.

    They are numpy's, to rounding, whatever the order of the values and the size of the arrays.
    NaN without values. The values are read two or three times: counted by the first 16 bits of
    keys that sort like them, then, in the bins that hold the quantiles, by the next 16, until few
    enough are left to sort.
    """
    groups = _split(values, [_Group(0, 0, 0, 0)])
    total = sum(group.count for group in groups)
    if total == 0:
        return 0, tuple(float("nan") for _ in shares)
    places = [(total - 1) * share for share in shares]
    ranks = {min(int(place) + step, total - 1) for place in places for step in (0, 1)}
    found = _find_ranks(values, groups, sorted(ranks))
    return total, tuple(_interpolate(found, place, total) for place in places)


def _interpolate(found: dict[int, float], place: float, total: int) -> float:
    low = int(place)
    first, second = found[low], found[min(low + 1, total - 1)]
    share = place - low
    step = second - first
    return first + step * share if share < 0.5 else second - step * (1 - share)


def _find_ranks(values: Values, groups: list[_Group], ranks: list[int]) -> dict[int, float]:
    """Return the values of ranks (0 is the smallest), from groups that hold them all."""
    while True:
        groups = [g for g in groups if any(g.below <= rank < g.below + g.count for rank in ranks)]
        if sum(group.count for group in groups) <= HELD_VALUES:
            return _collect(values, groups, ranks)
        if groups[0].bits == _KEY_BITS:  # each group is one value, many times
            only = {g: float(_values_of(np.array([g.prefix], np.uint64))[0]) for g in groups}
            return {
                rank: value
                for rank in ranks
                for g, value in only.items()
                if g.below <= rank < g.below + g.count
            }
        groups = _split(values, groups)


def _split(values: Values, groups: list[_Group]) -> list[_Group]:
    """Return the groups, ascending, divided by the next 16 bits of their keys; one pass."""
    counts = np.zeros((len(groups), 1 << _STEP_BITS), dtype=np.int64)
    bits = groups[0].bits
    shift = np.uint64(_KEY_BITS - bits - _STEP_BITS)
    for batch in values():
        keys = _keys_of(batch)
        for row, group in enumerate(groups):
            inside = _choose(keys, group)
            parts = (inside >> shift) & np.uint64((1 << _STEP_BITS) - 1)
            counts[row] += np.bincount(parts.astype(np.int64), minlength=1 << _STEP_BITS)
    divided = []
    for group, row_counts in zip(groups, counts, strict=True):
        below = group.below + np.cumsum(row_counts) - row_counts
        divided += [
            _Group(
                prefix=(group.prefix << _STEP_BITS) | int(part),
                bits=bits + _STEP_BITS,
                below=int(below[part]),
                count=int(row_counts[part]),
            )
            for part in np.flatnonzero(row_counts)
        ]
    return divided


def _collect(values: Values, groups: list[_Group], ranks: list[int]) -> dict[int, float]:
    """Return the values of ranks that the groups hold, by sorting those; one pass."""
    pieces: list[list[NDArray[np.uint64]]] = [[] for _ in groups]
    for batch in values():
        keys = _keys_of(batch)
        for held, group in zip(pieces, groups, strict=True):
            held.append(_choose(keys, group))
    found: dict[int, float] = {}
    for held, group in zip(pieces, groups, strict=True):
        ordered = _values_of(np.sort(np.concatenate(held)))
        places = [rank for rank in ranks if group.below <= rank < group.below + group.count]
        found.update((rank, float(ordered[rank - group.below])) for rank in places)
    return found


def _choose(keys: NDArray[np.uint64], group: _Group) -> NDArray[np.uint64]:
    if group.bits == 0:
        return keys
    first = keys >> np.uint64(_KEY_BITS - group.bits)
    chosen: NDArray[np.uint64] = keys[first == np.uint64(group.prefix)]
    return chosen


_SIGN = np.uint64(1 << 63)


def _keys_of(values: FloatArray) -> NDArray[np.uint64]:
    """Return whole numbers that sort as the values do; both zeros are one."""
    words = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    keys: NDArray[np.uint64] = np.where(words & _SIGN, ~words, words | _SIGN)
    return keys


def _values_of(keys: NDArray[np.uint64]) -> FloatArray:
    words: NDArray[np.uint64] = np.where(keys & _SIGN, keys & ~_SIGN, ~keys)
    return words.view(np.float64)
