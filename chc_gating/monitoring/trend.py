"""Trend of a series of draws: log-linear in time with the exposure as offset."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chc_gating.monitoring.distributions import FloatArray, find_log_likelihood

DAYS_PER_MONTH = 30.4375
PROFILE_DROP = 3.841458820694124
"""The 95 % point of chi-square with 1 degree of freedom."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_LOG_ALPHA = (math.log(1e-6), math.log(1e2))
_MOST_STEEP = 60.0


@dataclass(frozen=True)
class TrendFit:
    """A fitted trend: slope of the log rate per unit of time, with its profile interval.

    ``alpha`` is the negative binomial's dispersion (0: Poisson), ``pearson_phi`` the Pearson
    statistic of the Poisson line over its degrees of freedom (None without any); above about 2 a
    straight line fits badly. A limit is None where the likelihood never falls far enough.
    """

    intercept: float
    slope: float
    standard_error: float
    slope_low: float | None
    slope_high: float | None
    alpha: float
    pearson_phi: float | None

    @property
    def doubling(self) -> tuple[float | None, float | None, float | None]:
        """Doubling time and its limits; None is "never, or not known"."""
        return _invert(self.slope), _invert(self.slope_high), _invert(self.slope_low)


def _invert(slope: float | None) -> float | None:
    return math.log(2) / slope if slope is not None and slope > 0 else None


def fit_trend(
    counts: FloatArray, exposures_ml: FloatArray, times: FloatArray, *, alpha: float | None = None
) -> TrendFit | None:
    """Return the likeliest log-linear trend, count ~ NB(E exp(a + b t), alpha).

    counts, exposures_ml, times : (n,). With ``alpha`` None it is estimated too (0 where the
    counts scatter no more than Poisson's). None is returned for fewer than 3 draws, no event at
    all, or one time only: nothing can be fitted.
    """
    if len(counts) < 3 or counts.sum() == 0 or np.ptp(times) == 0 or (counts > 0).sum() < 2:
        return None
    dispersion = _find_alpha(counts, exposures_ml, times) if alpha is None else alpha
    a, b, error = _fit_line(counts, exposures_ml, times, dispersion)
    best = find_log_likelihood(counts, exposures_ml * np.exp(a + b * times), dispersion)

    def drop(slope: float) -> float:
        return 2 * (best - _profile(counts, exposures_ml, times, slope, dispersion))

    return TrendFit(
        intercept=a,
        slope=b,
        standard_error=error,
        slope_low=_find_limit(drop, b, -error),
        slope_high=_find_limit(drop, b, error),
        alpha=dispersion,
        pearson_phi=_find_phi(counts, exposures_ml, times),
    )


def _fit_line(
    counts: FloatArray, volumes: FloatArray, times: FloatArray, alpha: float
) -> tuple[float, float, float]:
    """Return intercept, slope and the slope's standard error (expected information)."""
    centre = float(times.mean())
    design = np.column_stack([np.ones_like(times), times - centre])
    beta = np.array([math.log(counts.sum() / volumes.sum()), 0.0])
    for _ in range(200):
        means = volumes * np.exp(np.clip(design @ beta, -_MOST_STEEP, _MOST_STEEP))
        weights = means / (1 + alpha * means)
        information = design.T @ (weights[:, None] * design)
        step = np.linalg.solve(information, design.T @ ((counts - means) / (1 + alpha * means)))
        step *= min(1.0, 2 / max(float(np.abs(step).max()), 1e-300))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-12:
            break
    error = math.sqrt(float(np.linalg.inv(information)[1, 1]))
    return float(beta[0] - beta[1] * centre), float(beta[1]), error


def _find_alpha(counts: FloatArray, volumes: FloatArray, times: FloatArray) -> float:
    """Return the likeliest alpha by golden section; 0 where Poisson is as likely."""

    def fit(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        a, b, _ = _fit_line(counts, volumes, times, alpha)
        return find_log_likelihood(counts, volumes * np.exp(a + b * times), alpha)

    low, high = _LOG_ALPHA
    while high - low > 1e-6:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if fit(left) > fit(right) else (left, high)
    a, b, _ = _fit_line(counts, volumes, times, 0.0)
    poisson = find_log_likelihood(counts, volumes * np.exp(a + b * times), 0.0)
    return math.exp(low) if fit(low) > poisson + 1e-6 else 0.0


def _profile(
    counts: FloatArray, volumes: FloatArray, times: FloatArray, slope: float, alpha: float
) -> float:
    """Return the highest log likelihood of a given slope."""
    tilted = volumes * np.exp(slope * (times - times.mean()))
    log_rate = math.log(counts.sum() / tilted.sum())
    for _ in range(100):
        means = math.exp(log_rate) * tilted
        gradient = float(((counts - means) / (1 + alpha * means)).sum())
        curvature = float((means * (1 + alpha * counts) / (1 + alpha * means) ** 2).sum())
        step = max(-2.0, min(2.0, gradient / curvature))
        log_rate += step
        if abs(step) < 1e-13:
            break
    return find_log_likelihood(counts, math.exp(log_rate) * tilted, alpha)


def _find_limit(drop: Callable[[float], float], best: float, error: float) -> float | None:
    """Return the slope on one side at which twice the likelihood fell by 3.84."""
    step = error
    for _ in range(12):
        if drop(best + step) > PROFILE_DROP:
            break
        step *= 1.6
    else:
        return None
    near, far = best, best + step
    for _ in range(80):
        middle = (near + far) / 2
        near, far = (middle, far) if drop(middle) < PROFILE_DROP else (near, middle)
    return (near + far) / 2


def _find_phi(counts: FloatArray, volumes: FloatArray, times: FloatArray) -> float | None:
    if len(counts) < 3:
        return None
    a, b, _ = _fit_line(counts, volumes, times, 0.0)
    means = volumes * np.exp(a + b * times)
    return float(((counts - means) ** 2 / means).sum() / (len(counts) - 2))
