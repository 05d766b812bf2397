"""What a pair of draws can show: the count that would be a rise, and the rise that is found."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, ndtri, pdtrc, xlogy

LEVEL = 0.05
POWER = 0.80
_HIGHEST_FOLD = 1e4


def find_critical_count(
    count: int, *, exposure_ml: float, next_exposure_ml: float, level: float = LEVEL
) -> int:
    """Return the smallest next count that is a rise at a one-sided exact level.

    Examples
    --------
    >>> [find_critical_count(k, exposure_ml=5, next_exposure_ml=5) for k in (0, 3, 5, 10, 20)]
    [5, 10, 13, 20, 33]
    """
    share = next_exposure_ml / (exposure_ml + next_exposure_ml)
    low, high = 0, 1
    while betainc(high, count + 1, share) > level:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(middle, count + 1, share) > level:
            low = middle
        else:
            high = middle
    return high


def find_smallest_rise(
    expected: float,
    *,
    exposure_ml: float,
    next_exposure_ml: float,
    biological_alpha: float | None = None,
    power: float = POWER,
) -> float | None:
    """Return the smallest true fold rise that is found with the stated power, one-sided 5 %.

    ``expected`` is the mean count of the earlier draw. Counting alone: the exact conditional
    test, summed over both counts. With the laboratory's alpha: the normal approximation on the
    log ratio, variance 1/m1 + 1/m2 + 2 alpha. None where the earlier mean is 0.
    """
    if expected <= 0:
        return None
    scale = next_exposure_ml / exposure_ml
    if biological_alpha:
        return _solve(lambda fold: _approximate(expected, fold, scale, biological_alpha), power)
    counts = np.arange(int(expected + 10 * math.sqrt(expected) + 25))
    weights = np.exp(xlogy(counts, expected) - expected - gammaln(counts + 1))
    critical = np.array(
        [
            find_critical_count(int(k), exposure_ml=exposure_ml, next_exposure_ml=next_exposure_ml)
            for k in counts
        ]
    )
    return _solve(lambda fold: _exact(expected * fold * scale, weights, critical), power)


def _exact(mean: float, weights: NDArray[np.float64], critical: NDArray[np.int64]) -> float:
    return float(weights @ pdtrc(critical - 1, mean))


def _approximate(expected: float, fold: float, scale: float, alpha: float) -> float:
    spread = math.sqrt(1 / expected + 1 / (expected * fold * scale) + 2 * alpha)
    z = math.log(fold) / spread + float(ndtri(LEVEL))
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _solve(find_power: Callable[[float], float], power: float) -> float | None:
    low, high = 0.0, math.log(_HIGHEST_FOLD)
    if find_power(math.exp(high)) < power:
        return None
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if find_power(math.exp(middle)) < power else (low, middle)
    return math.exp(high)
