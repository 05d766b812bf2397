"""Feldman-Cousins intervals of true events over a known background: a labelled extra."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlogy

from chc_gating.model.events import FloatArray

_STEP = 0.005
_COARSE_STEP = 0.1
"""No acceptance region is narrower: an interval of a mean is never narrower than about 2."""


def find_feldman_cousins(
    count: int, background: float, *, confidence: float = 0.95, step: float = _STEP
) -> tuple[float, float]:
    """Return the unified interval of a signal (Feldman and Cousins 1998, Phys. Rev. D 57, 3873).

    ``background`` is taken as known exactly, so that this is no interval for a report: the error
    of the donors is not in it. The signal is searched on a grid of ``step``; the interval runs
    from the first to the last signal that accepts the count. (Their table IV also makes upper
    limits fall as the background rises, which this does not.)

    Examples
    --------
    >>> find_feldman_cousins(3, 0.5, confidence=0.9)
    (0.605, 6.92)
    """
    most = count + 10 + 6 * np.sqrt(count + background + 1)
    coarse = [
        s for s in np.arange(0.0, most, _COARSE_STEP) if _accepts(s, count, background, confidence)
    ]
    first, last = coarse[0], coarse[-1]
    below = np.arange(max(0.0, first - _COARSE_STEP), first + step, step)
    above = np.arange(last, last + _COARSE_STEP + step, step)
    low = next(s for s in below if _accepts(s, count, background, confidence))
    high = next(s for s in above[::-1] if _accepts(s, count, background, confidence))
    return round(float(low), 10), round(float(high), 10)


def _accepts(signal: float, count: int, background: float, confidence: float) -> bool:
    """Return whether a signal's acceptance region, filled by likelihood ratio, holds the count."""
    mean = signal + background
    counts = np.arange(int(mean + 12 * np.sqrt(mean + 1) + count) + 10.0)
    best = np.maximum(counts, background)
    log_ratio = xlogy(counts, mean) - mean - (xlogy(counts, best) - best)
    order = np.argsort(-log_ratio, kind="stable")
    before = np.cumsum(_poisson(counts[order], mean)) - _poisson(counts[order], mean)
    place = int(np.flatnonzero(order == count)[0])
    return bool(before[place] < confidence)


def _poisson(counts: FloatArray, mean: float) -> FloatArray:
    return np.asarray(np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1)))
