"""Feldman-Cousins intervals of true events over a known background: a labelled extra."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlogy

from chc_gating.model.events import FloatArray

_STEP = 0.005


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
    signals = np.arange(0.0, most, step)
    accepted = signals[[_accepts(s, count, background, confidence) for s in signals]]
    return round(float(accepted[0]), 10), round(float(accepted[-1]), 10)


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
