"""Limits of blank, detection and quantitation at one exposure, and the call: one rule."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike
from scipy.optimize import brentq

from chc_gating.counting.background_distribution import find_lower_share, find_quantile
from chc_gating.model.events import FloatArray

_ROUNDING = 1e-12

Call = Literal["not_assessable", "not_detected", "below_lob", "detected", "quantifiable"]

FALSE_CALLS = 0.05
"""Part of blank draws that may be called detected."""
MISSED_CALLS = 0.05
"""Part of draws at the limit of detection that are missed."""


def find_lob(mean: ArrayLike, alpha: ArrayLike, *, excess: float = 0.0) -> FloatArray:
    """Return the limit of blank: the smallest c with P(NB + Poisson(excess) <= c) >= .95.

    A count is above it exactly where its p is at most .05.

    Examples
    --------
    >>> [int(find_lob(mean, 0.0)) for mean in (0, 0.5, 1, 3)]
    [0, 2, 3, 6]
    """
    return find_quantile(1 - FALSE_CALLS, mean, alpha, excess=excess)


def find_true_events_at_lod(lob: int, mean: float, alpha: float, *, excess: float = 0.0) -> float:
    """Return s with P(NB(mean, alpha) + Poisson(excess + s) <= LoB) = .05.

    The limit of detection in total events is mean + excess + s, and 7.5 s / (E R) per 7.5 mL.

    Examples
    --------
    >>> round(find_true_events_at_lod(0, 0.0, 0.0), 6)
    2.995732
    """

    def miss(true_events: float) -> float:
        found = find_lower_share(lob, mean, alpha, excess=excess + true_events)
        return found - MISSED_CALLS

    high = 4.0 + 2 * lob
    while miss(high) > 0:
        high *= 2
    return float(brentq(miss, 0.0, high, xtol=1e-12, rtol=1e-14))


def find_loq(alpha: float, *, goal_cv: float, exposure_cv: float = 0.0) -> float | None:
    """Return the events from which CV^2 = 1/mu + alpha + CV_R^2 is at most the goal squared.

    None where no count reaches the goal: alpha and the recovery's error alone use it up.

    Examples
    --------
    >>> round(find_loq(0.0, goal_cv=0.2), 9)
    25.0
    >>> find_loq(0.05, goal_cv=0.2)
    """
    left = goal_cv**2 - alpha - exposure_cv**2
    return 1 / left if left > _ROUNDING else None


def give_call(count: int, lob: int, loq: float | None) -> Call:
    """Return the call of a count whose limits are known."""
    if count == 0:
        return "not_detected"
    if count <= lob:
        return "below_lob"
    return "quantifiable" if loq is not None and count >= loq else "detected"
