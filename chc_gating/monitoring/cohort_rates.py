"""Rates of groups of draws: negative binomial regression with an exposure offset.

X_i ~ NB(b_s E_i, alpha), s the stratum of draw i, Var X = mu + alpha mu^2 (Lawless 1987, Canadian
Journal of Statistics 15, 209), alpha shared. Given alpha the strata are apart, so that one search
over alpha gives the maximum. A rate that is a multiple of another's is its stratum with scaled
exposures, so ratios and slopes need no other fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from chc_gating.counting.intervals import CONFIDENCE
from chc_gating.model.events import FloatArray
from chc_gating.monitoring.cohort_likelihood import (
    IntArray,
    Stratum,
    add_log_likelihoods,
    find_best_alpha,
    solve_rates,
)

_FARTHEST = 40.0
_CLOSE = 1e-7
"""Logarithm of a limit to which it is found: 1e-7 of it."""


@dataclass(frozen=True)
class Counts:
    """Counts with their exposures and strata.

    counts : (n,) int64. exposures : (n,) float64, positive, mL. strata : (n,) int64 from 0.
    """

    counts: IntArray
    exposures: FloatArray
    strata: IntArray

    @property
    def groups(self) -> int:
        """The number of strata."""
        return int(self.strata.max()) + 1

    @cached_property
    def parts(self) -> tuple[Stratum, ...]:
        """The strata apart, in order."""
        return tuple(Stratum.of(*self.select(g)) for g in range(self.groups))

    def select(self, stratum: int) -> tuple[IntArray, FloatArray]:
        """Return counts and exposures of one stratum."""
        own = self.strata == stratum
        return self.counts[own], self.exposures[own]


@dataclass(frozen=True)
class RateFit:
    """The maximum: rates per mL by stratum, alpha (0 for Poisson), the log-likelihood."""

    rates: FloatArray
    alpha: float
    log_likelihood: float


@dataclass(frozen=True)
class Limits:
    """Limits of a rate, ratio or slope; None where the data give none on that side."""

    low: float | None
    high: float | None


def fit_rates(data: Counts) -> RateFit:
    """Return the maximum-likelihood rates and over-dispersion.

    Where all counts are zero nothing can be said on alpha, and it is 0.

    Examples
    --------
    Twenty donors (R's glm.nb gives a rate of .138690 and an alpha of 1.208865):

    >>> counts = np.array([0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 5, 0, 1, 0, 0, 2, 0, 1, 0, 1])
    >>> fit = fit_rates(Counts(counts, np.tile([4.0, 5, 6, 5], 5), np.zeros(20, np.int64)))
    >>> round(float(fit.rates[0]), 6), round(fit.alpha, 4)
    (0.13869, 1.2089)
    """
    if not data.counts.any():
        return RateFit(np.zeros(data.groups), 0.0, 0.0)
    alpha, height = find_best_alpha(lambda alphas: _profile_alpha(data, alphas))
    chosen = np.array([alpha])
    rates = [solve_rates(part, chosen)[0] for part in data.parts]
    return RateFit(np.array(rates), alpha, height)


def find_rate_limits(data: Counts, stratum: int, *, confidence: float = CONFIDENCE) -> Limits:
    """Return profile-likelihood limits of one stratum's rate.

    The deviance is held against F(1, n - groups) and not chi-squared, since alpha is estimated
    from few draws. A stratum without cells has 0 and the bound of `find_zero_bound`.
    """
    fit = fit_rates(data)
    if fit.rates[stratum] == 0:
        tail = (1 - confidence) / 2
        return Limits(0.0, find_zero_bound(data, stratum, alpha=fit.alpha, tail=tail))
    return _cross(
        lambda x: _fix_rate(data, stratum, np.exp(x)),
        fit,
        estimate=float(fit.rates[stratum]),
        start=1 / float(data.exposures.sum()),
        cutoff=_cut_off(data, confidence),
    )


def find_zero_bound(data: Counts, stratum: int, *, alpha: float, tail: float) -> float:
    """Return the rate at which a stratum would be without cells with probability ``tail``.

    Exact given alpha, Garwood's bound where that is 0. The deviance of a zero is half as far away
    as it should be (1.9 cells for 3.0), so it is not used.
    """
    _, exposures = data.select(stratum)
    wanted = -float(np.log(tail))
    if alpha == 0:
        return wanted / float(exposures.sum())

    def excess(log_rate: float) -> float:
        return float(np.log1p(alpha * np.exp(log_rate) * exposures).sum() / alpha) - wanted

    low = float(np.log(wanted / exposures.sum()))
    high = low + 1.0
    while excess(high) < 0:
        high += 1 + (high - low)
    return float(np.exp(brentq(excess, low, high)))


def find_ratio_limits(
    data: Counts, stratum: int, reference: int, *, confidence: float = CONFIDENCE
) -> Limits:
    """Return profile-likelihood limits of a stratum's rate over the reference's.

    With a zero in one of both one side is open, and the other is not nearer than the bound of the
    zero's rate over the other's rate; with zeros in both, both are open.
    """
    fit = fit_rates(data)
    over, under = float(fit.rates[stratum]), float(fit.rates[reference])
    if over == 0 and under == 0:
        return Limits(None, None)
    estimate = np.inf if under == 0 else over / under

    def profile(log_ratio: float) -> float:
        tied = tie_strata(data, stratum, reference, float(np.exp(log_ratio)))
        return fit_rates(tied).log_likelihood

    limits = _cross(profile, fit, estimate=estimate, start=1.0, cutoff=_cut_off(data, confidence))
    tail = (1 - confidence) / 2
    if over == 0 and limits.high is not None:
        bound = find_zero_bound(data, stratum, alpha=fit.alpha, tail=tail)
        return Limits(0.0, max(limits.high, bound / under))
    if under == 0 and limits.low is not None:
        bound = find_zero_bound(data, reference, alpha=fit.alpha, tail=tail)
        return Limits(min(limits.low, over / bound), None)
    return limits


def ratio_is_inside(
    data: Counts, stratum: int, reference: int, *, ratio: float, confidence: float = CONFIDENCE
) -> bool:
    """Return whether a ratio lies between the limits of `find_ratio_limits`, by one fit."""
    tied = fit_rates(tie_strata(data, stratum, reference, ratio)).log_likelihood
    return 2 * (fit_rates(data).log_likelihood - tied) <= _cut_off(data, confidence)


def find_slope_limits(
    data: Counts, scores: FloatArray, *, confidence: float = CONFIDENCE
) -> tuple[float | None, Limits]:
    """Return rate ratio per unit of a score, and its profile-likelihood limits.

    data : with one stratum. scores : (n,) float64, not all equal.

    None where the likelihood has no maximum: only the lowest or highest score has cells.
    """

    def profile(slope: float) -> float:
        exposures = data.exposures * np.exp(slope * (scores - scores.mean()))
        return fit_rates(Counts(data.counts, exposures, data.strata)).log_likelihood

    found = scores[data.counts > 0]
    ends = (scores.min(), scores.max())
    if not found.size or (found.min() == found.max() and found[0] in ends):
        return None, Limits(None, None)
    slope = _maximise(profile)
    fit = RateFit(np.ones(1), 0.0, profile(slope))
    degrees = max(scores.size - 2, 1)
    limits = _cross(
        profile, fit, estimate=float(np.exp(slope)), start=1.0,
        cutoff=float(stdtrit(degrees, (1 + confidence) / 2)) ** 2,
    )  # fmt: skip
    return float(np.exp(slope)), limits


def tie_strata(data: Counts, stratum: int, reference: int, ratio: float) -> Counts:
    """Return the data under the hypothesis that a stratum's rate is ratio times another's."""
    own = data.strata == stratum
    exposures = np.where(own, data.exposures * ratio, data.exposures)
    strata = np.where(own, reference, data.strata)
    _, packed = np.unique(strata, return_inverse=True)
    return Counts(data.counts, exposures, packed.astype(np.int64))


def find_scores(data: Counts) -> FloatArray:
    """Return (n,) score residuals under one common rate: (x - mu) / (1 + alpha mu)."""
    fit = fit_rates(Counts(data.counts, data.exposures, np.zeros_like(data.strata)))
    means = fit.rates[0] * data.exposures
    return np.asarray((data.counts - means) / (1 + fit.alpha * means), dtype=np.float64)


def _cut_off(data: Counts, confidence: float) -> float:
    degrees = max(data.counts.size - data.groups, 1)
    return float(stdtrit(degrees, (1 + confidence) / 2)) ** 2


def _fix_rate(data: Counts, stratum: int, rate: float) -> float:
    """Return the log-likelihood with one stratum's rate fixed, the rest at its best."""
    return find_best_alpha(lambda alphas: _fixed_profile(data, stratum, rate, alphas))[1]


def _profile_alpha(data: Counts, alphas: FloatArray) -> FloatArray:
    """Return (a,) log-likelihoods with the best rates for each alpha."""
    total = np.zeros(alphas.size)
    for part in data.parts:
        total += add_log_likelihoods(part, solve_rates(part, alphas), alphas)
    return total


def _fixed_profile(data: Counts, stratum: int, rate: float, alphas: FloatArray) -> FloatArray:
    total = np.zeros(alphas.size)
    fixed = np.full(alphas.size, rate)
    for group, part in enumerate(data.parts):
        rates = fixed if group == stratum else solve_rates(part, alphas)
        total += add_log_likelihoods(part, rates, alphas)
    return total


def _cross(
    profile: Callable[[float], float], fit: RateFit, *, estimate: float, start: float, cutoff: float
) -> Limits:
    """Return where the deviance reaches the cut-off, below and above the estimate."""

    @cache
    def excess(x: float) -> float:
        # The root of the deviance is nearly straight, so that a crossing is found in few steps.
        return float(np.sqrt(max(2 * (fit.log_likelihood - profile(x)), 0.0)) - np.sqrt(cutoff))

    if estimate == 0:
        return Limits(0.0, _search(excess, float(np.log(start)) - _FARTHEST / 2, 1.0))
    if np.isinf(estimate):
        return Limits(_search(excess, float(np.log(start)) + _FARTHEST / 2, -1.0), None)
    middle = float(np.log(estimate))
    return Limits(_search(excess, middle, -1.0), _search(excess, middle, 1.0))


def _search(excess: Callable[[float], float], start: float, direction: float) -> float | None:
    """Return exp of the first crossing from ``start``, or None within a factor of e^40."""
    inside, step, travelled = start, 0.25, 0.0
    while travelled < _FARTHEST:
        outside = inside + direction * step
        if excess(outside) > 0:
            return float(np.exp(brentq(excess, inside, outside, xtol=_CLOSE, rtol=1e-12)))
        inside, travelled, step = outside, travelled + step, min(2 * step, 2.0)
    return None


def _maximise(profile: Callable[[float], float]) -> float:
    """Return the argument of a smooth maximum near 0, by widening and then golden steps."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda x: -profile(x), bracket=(-0.5, 0.5), tol=1e-10)
    return float(found.x)
