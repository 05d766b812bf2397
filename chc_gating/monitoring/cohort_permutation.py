"""Permutation tests: labels are shuffled over draws, each with its own count and exposure.

The statistic is the negative binomial score under one common rate and alpha. That fit does not
know the labels, so it is the same for every permutation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from chc_gating.model.events import FloatArray

IntArray = npt.NDArray[np.int64]

MOST_EXACT = 50_000
"""Assignments up to which all are gone through."""
MONTE_CARLO = 19_999
_TIE = 1e-9


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
    order = np.arange(sizes.size)

    def measure(labels: IntArray) -> FloatArray:
        sums = (labels[:, None, :] == order[:, None]) @ scores
        return np.asarray((sums**2 / sizes).sum(axis=1))

    return _test(measure, strata, seed=seed)


def compare_trend(
    scores: FloatArray, strata: IntArray, steps: FloatArray, *, seed: int
) -> PermutationResult:
    """Return the two-sided p of the scores' covariance with a step of each stratum.

    steps : (groups,) float64, the place of each stratum.
    """
    centred = scores - scores.mean()

    def measure(labels: IntArray) -> FloatArray:
        return np.asarray(np.abs(steps[labels] @ centred))

    return _test(measure, strata, seed=seed)


def _test(measure, strata: IntArray, *, seed: int) -> PermutationResult:  # type: ignore[no-untyped-def]
    observed = float(measure(strata[None, :])[0])
    limit = observed - _TIE * (abs(observed) + 1)
    total = _count_assignments(np.bincount(strata))
    if total <= MOST_EXACT:
        labels = np.array(list(_list_assignments(strata)), dtype=np.int64)
        return PermutationResult(float(np.mean(measure(labels) >= limit)), total, exact=True)
    generator = np.random.default_rng(seed)
    hits = 0
    for size in _split(MONTE_CARLO, 2000):
        shuffled = generator.permuted(np.tile(strata, (size, 1)), axis=1)
        hits += int((measure(shuffled) >= limit).sum())
    return PermutationResult((hits + 1) / (MONTE_CARLO + 1), MONTE_CARLO, exact=False)


def _split(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)


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
