"""How false events scatter: negative binomial counts, with Poisson events on top.

All functions take arrays and broadcast. ``mean`` is the expected background (bE), ``alpha`` its
dispersion (variance = mean + alpha mean^2; 0 is Poisson), ``excess`` the mean of Poisson events
that come on top. Written on `scipy.special`: `scipy.stats` costs a second at every start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, gammainc, gammaincc, gammaln, pdtrik

from chc_gating.model.events import FloatArray

_NO_EXCESS_LEFT = 1e-15
_FEW = 200
_SMALLEST_ALPHA = 1e-6
_POISSON = 1e-14
"""Dispersion up to which nothing tells the two distributions apart in float64."""


def find_upper_tail(
    count: ArrayLike, mean: ArrayLike, alpha: ArrayLike, *, excess: float = 0.0
) -> FloatArray:
    """Return P(NB(mean, alpha) + Poisson(excess) >= count); 1 for a count of 0.

    Exact to rounding in the far tail too: it is a sum of tails, never 1 minus a sum.

    Examples
    --------
    >>> round(float(find_upper_tail(3, 0.693449, 1.208865)), 6)
    0.07273
    """
    count = np.asarray(count, dtype=np.float64)
    if excess == 0:
        return _negative_binomial_tail(count, mean, alpha)
    most = _find_last(excess)
    added = np.arange(most + 1.0)
    weights = _poisson_probability(added, excess)
    tail = np.zeros(np.broadcast_shapes(count.shape, np.shape(mean), np.shape(alpha)))
    for number, weight in zip(added, weights, strict=True):
        tail = tail + weight * _negative_binomial_tail(count - number, mean, alpha)
    return np.minimum(tail, 1.0)


def find_lower_share(count: int, mean: float, alpha: float, *, excess: float = 0.0) -> float:
    """Return P(NB(mean, alpha) + Poisson(excess) <= count) for one count."""
    if count < 0:
        return 0.0
    own = np.arange(count + 1.0)
    below = _negative_binomial_share(own, mean, alpha)
    added = _poisson_probability(own, excess)
    return float(np.minimum(added @ below[::-1], 1.0))


def find_quantile(
    share: float, mean: ArrayLike, alpha: ArrayLike, *, excess: float = 0.0
) -> FloatArray:
    """Return the smallest count c with P(NB + Poisson(excess) > c) <= 1 - share.

    Parameters
    ----------
    share : above 1/2 and below 1.

    Returns
    -------
    Whole numbers as float64, of the shape of ``mean`` and ``alpha`` together.
    """
    mean, alpha = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(alpha, dtype=np.float64)
    )
    most = 1 - share
    high = np.zeros(mean.shape)
    while (above := find_upper_tail(high + 1, mean, alpha, excess=excess) > most).any():
        high = np.where(above, 2 * high + 1, high)
    low = np.where(high > 0, (high - 1) / 2, -1.0)
    while (low + 1 < high).any():
        middle = np.floor((low + high) / 2)
        above = find_upper_tail(middle + 1, mean, alpha, excess=excess) > most
        open_ = low + 1 < high
        low = np.where(open_ & above, middle, low)
        high = np.where(open_ & ~above, middle, high)
    return high


def find_log_probability(count: ArrayLike, mean: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """Return the logarithm of NB(mean, alpha) at counts; ``mean`` must be above 0.

    Exact down to alpha = 0 for counts up to `_FEW`.
    """
    count, mean, alpha = np.broadcast_arrays(
        *(np.asarray(part, dtype=np.float64) for part in (count, mean, alpha))
    )
    spread = alpha * mean
    # log(1 + x) / alpha tends to the mean as alpha tends to 0.
    small = alpha <= _POISSON
    loss = np.where(small, mean, np.log1p(spread) / np.where(small, 1.0, alpha))
    return np.asarray(
        _log_growth(count, alpha)
        + count * (np.log(mean) - np.log1p(spread))
        - loss
        - gammaln(count + 1),
        dtype=np.float64,
    )


def _log_growth(count: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return the sum of log(1 + alpha j) over j below the count.

    Unit by unit where counts are few: the difference of two log-gamma functions of 1 / alpha
    loses its digits as alpha tends to 0.
    """
    most = int(count.max(initial=0))
    if most > _FEW:
        size = 1 / np.maximum(alpha, _SMALLEST_ALPHA)
        return np.asarray(gammaln(count + size) - gammaln(size) - count * np.log(size))
    growth = np.zeros(count.shape)
    for unit in range(1, most):
        growth = growth + np.where(count > unit, np.log1p(alpha * unit), 0.0)
    return growth


def _negative_binomial_tail(count: FloatArray, mean: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """Return P(NB >= count) by the incomplete beta function, the gamma function for Poisson."""
    mean, alpha = np.asarray(mean, dtype=np.float64), np.asarray(alpha, dtype=np.float64)
    counts = np.maximum(count, 1.0)
    poisson = gammainc(counts, mean)
    dispersed = alpha > _POISSON
    spread = alpha * mean
    size = 1 / np.where(dispersed, alpha, 1.0)
    mixed = betainc(counts, size, spread / (1 + spread))
    return np.where(count <= 0, 1.0, np.where(dispersed, mixed, poisson))


def _negative_binomial_share(count: FloatArray, mean: float, alpha: float) -> FloatArray:
    if alpha <= _POISSON:
        return np.asarray(gammaincc(count + 1, mean), dtype=np.float64)
    spread = alpha * mean
    return np.asarray(betainc(1 / alpha, count + 1, 1 / (1 + spread)), dtype=np.float64)


def _poisson_probability(count: FloatArray, mean: float) -> FloatArray:
    if mean == 0:
        return np.where(count == 0, 1.0, 0.0)
    return np.asarray(np.exp(count * np.log(mean) - mean - gammaln(count + 1)), dtype=np.float64)


def _find_last(mean: float) -> int:
    """Return the count beyond which a Poisson distribution has nothing left to add."""
    return int(np.ceil(pdtrik(1 - _NO_EXCESS_LEFT, mean))) + 1
