"""Limits of blank, detection and quantitation at one exposure, and the call: one rule."""

from __future__ import annotations

import math
from typing import Literal

from numpy.typing import ArrayLike

from chc_gating.counting.background_distribution import find_lower_share, find_quantile
from chc_gating.model.events import FloatArray

_ROUNDING = 1e-12
_MOST_STEPS = 200

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

    The slope is -P(NB + Poisson(excess + s) = LoB): Newton steps on the logarithm, kept in a
    bracket. (`scipy.optimize` would cost every page a tenth of a second to load.)

    Examples
    --------
    >>> round(find_true_events_at_lod(0, 0.0, 0.0), 6)
    2.995732
    """
    low, high, point = 0.0, math.inf, lob + 3.0
    for _ in range(_MOST_STEPS):
        found = find_lower_share(lob, mean, alpha, excess=excess + point)
        below = find_lower_share(lob - 1, mean, alpha, excess=excess + point)
        low, high = (point, high) if found > MISSED_CALLS else (low, point)
        slope = (found - below) / found if found > 0 else 0.0
        step = math.log(found / MISSED_CALLS) / slope if slope > 0 else math.inf
        following = point + step
        if not low <= following <= high:
            following = (low + high) / 2 if high < math.inf else 2 * point
        if abs(following - point) <= _ROUNDING * point:
            return following
        point = following
    raise ArithmeticError(f"no limit of detection for a limit of blank of {lob}")


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
