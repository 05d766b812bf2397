"""Permutation tests: labels are shuffled over draws, each with its own count and exposure.

The statistic is the negative binomial score under one common rate and alpha. That fit does not
know the labels, so it is the same for every permutation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from chc_gating.model.events import FloatArray

IntArray = npt.NDArray[np.integer[Any]]

MOST_EXACT = 50_000
"""Assignments up to which all are gone through."""
MONTE_CARLO = 19_999
_TIE = 1e-9
_BLOCK = 500_000
"""Places that are shuffled at a time: 2 MB, so that memory does not grow with the cohort."""
_MOST_KEPT = 20_000_000
"""Places that are kept for the next test: 80 MB, for 1,000 draws."""


@dataclass(frozen=True)
class PermutationResult:
    """p, and how many assignments it rests on; exact where those are all there are."""

    p: float
    assignments: int
    exact: bool


def compare_groups(scores: FloatArray, strata: IntArray, *, seed: int) -> PermutationResult:
    """Return the p of sum over groups of (sum of scores)^2 / size, large for a difference.

    scores : (n,) float64, of `find_scores`. strata : (n,) int64 from 0.

    Examples
    --------
    All that is high in one of two groups of three: 2 of 20 assignments are as extreme.

    >>> compare_groups(np.arange(6.0) - 2.5, np.array([0, 0, 0, 1, 1, 1]), seed=1)
    PermutationResult(p=0.1, assignments=20, exact=True)
    """
    sizes = np.bincount(strata)

    def measure(sums: FloatArray) -> FloatArray:
        return np.asarray((sums**2 / sizes).sum(axis=1))

    return _test(measure, scores, strata, seed=seed)


def compare_trend(
    scores: FloatArray, strata: IntArray, steps: FloatArray, *, seed: int
) -> PermutationResult:
    """Return the two-sided p of the scores' covariance with a step of each stratum.

    steps : (groups,) float64, the place of each stratum.
    """

    def measure(sums: FloatArray) -> FloatArray:
        return np.asarray(np.abs(sums @ steps))

    return _test(measure, scores - scores.mean(), strata, seed=seed)


def _test(
    measure: Callable[[FloatArray], FloatArray],
    scores: FloatArray,
    strata: IntArray,
    *,
    seed: int,
) -> PermutationResult:
    """Hold a statistic of the groups' sums of scores, (r, groups) to (r,), against permutations."""
    ordered = scores[np.argsort(strata, kind="stable")]
    sizes = np.bincount(strata)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    observed = float(measure(np.add.reduceat(ordered[np.newaxis], starts, axis=1))[0])
    limit = observed - _TIE * (abs(observed) + 1)
    total = _count_assignments(sizes)
    if total <= MOST_EXACT:
        labels = np.array(list(_list_assignments(strata)), dtype=np.int64)
        sums = (labels[:, np.newaxis, :] == np.arange(sizes.size)[:, np.newaxis]) @ scores
        return PermutationResult(float(np.mean(measure(sums) >= limit)), total, exact=True)
    hits = 0
    for order in _list_orders(scores.size, seed):
        hits += int((measure(np.add.reduceat(ordered[order], starts, axis=1)) >= limit).sum())
    return PermutationResult((hits + 1) / (MONTE_CARLO + 1), MONTE_CARLO, exact=False)


def _list_orders(size: int, seed: int) -> Iterable[IntArray]:
    """Return random orders of ``size`` things, (r, size) at a time, MONTE_CARLO in all.

    Those of a size are kept while they are small: a cohort's tests are nearly all of one size.
    """
    if size * MONTE_CARLO <= _MOST_KEPT:
        return _keep_orders(size, seed)
    return _draw_orders(size, seed)


@lru_cache(maxsize=1)
def _keep_orders(size: int, seed: int) -> tuple[IntArray, ...]:
    return tuple(_draw_orders(size, seed))


def _draw_orders(size: int, seed: int) -> Iterator[IntArray]:
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // size)
    for start in range(0, MONTE_CARLO, rows):
        block = np.tile(np.arange(size, dtype=np.int32), (min(rows, MONTE_CARLO - start), 1))
        yield generator.permuted(block, axis=1)


def _count_assignments(sizes: IntArray) -> int:
    parts = [math.factorial(int(size)) for size in sizes]
    return math.factorial(int(sizes.sum())) // math.prod(parts)


def _list_assignments(strata: IntArray) -> Iterator[IntArray]:
    """Yield every labelling with the same sizes."""
    sizes = np.bincount(strata)

    def place(free: tuple[int, ...], group: int, labels: IntArray) -> Iterator[IntArray]:
        if group == sizes.size - 1:
            labels = labels.copy()
            labels[list(free)] = group
            yield labels
            return
        for chosen in combinations(free, int(sizes[group])):
            filled = labels.copy()
            filled[list(chosen)] = group
            taken = set(chosen)
            yield from place(tuple(i for i in free if i not in taken), group + 1, filled)

    yield from place(tuple(range(strata.size)), 0, np.zeros(strata.size, np.int64))
