"""Poisson, binomial and negative binomial tails and likelihoods, from scipy.special only."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, xlog1py, xlogy

FloatArray: TypeAlias = NDArray[np.float64]

_POISSON_BELOW = 1e-9
"""Below this alpha a negative binomial is a Poisson to all digits that matter."""


def find_binomial_tails(successes: int, trials: int, *, share: float) -> tuple[float, float]:
    """Return P(X <= successes) and P(X >= successes) of Bin(trials, share)."""
    lower = (
        1.0 if successes >= trials else float(betainc(trials - successes, successes + 1, 1 - share))
    )
    upper = 1.0 if successes <= 0 else float(betainc(successes, trials - successes + 1, share))
    return lower, upper


def find_log_likelihood(counts: FloatArray, means: FloatArray, alpha: float) -> float:
    """Return the log likelihood of counts with variance mean + alpha mean^2 (NB2).

    counts, means : (n,) of equal shape. With alpha 0 it is Poisson's. A mean of 0 with a count of
    0 adds 0.
    """
    if alpha < _POISSON_BELOW:
        terms = xlogy(counts, means) - means - gammaln(counts + 1)
        return float(terms.sum())
    size = 1 / alpha
    terms = (
        gammaln(counts + size)
        - gammaln(size)
        - gammaln(counts + 1)
        + xlogy(counts, alpha * means)
        - xlog1py(counts + size, alpha * means)
    )
    return float(terms.sum())


def find_negative_binomial_tails(count: int, *, size: float, share: float) -> tuple[float, float]:
    """Return P(X <= count) and P(X >= count) of NB(size, share), share the chance of no event."""
    lower = float(betainc(size, count + 1, share))
    upper = 1.0 if count <= 0 else float(betainc(count, size, 1 - share))
    return lower, upper
