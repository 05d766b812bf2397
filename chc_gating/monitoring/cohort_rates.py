"""Rates of groups of draws: negative binomial regression with an exposure offset.

X_i ~ NB(b_s E_i, alpha), s the stratum of draw i, Var X = mu + alpha mu^2 (Lawless 1987, Canadian
Journal of Statistics 15, 209), alpha shared. Given alpha the strata are apart, so that one search
over alpha gives the maximum. A rate that is a multiple of another's is its stratum with scaled
exposures, so ratios and slopes need no other fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln, stdtrit

from chc_gating.counting.intervals import CONFIDENCE
from chc_gating.model.events import FloatArray

IntArray = npt.NDArray[np.int64]

MOST_ALPHA = 50.0
"""Largest over-dispersion that is searched: a patient's SD seven times the mean."""
_GRID = np.concatenate([[0.0], np.geomspace(1e-3, MOST_ALPHA, 60)])
_REFINEMENTS, _REFINED = 4, 31
_NEWTON_STEPS = 60
_LEAST_ALPHA = 1e-6
"""Below it the Gamma functions cancel to fewer digits than alpha matters in: Poisson."""
_NO_GAIN = 1e-7
"""Log-likelihood below which a dispersion is the grid's accuracy, and is none."""
_FARTHEST = 40.0


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
    grid = _GRID if data.counts.any() else _GRID[:1]
    for _ in range(_REFINEMENTS if grid.size > 1 else 0):
        best = int(np.argmax(_profile_alpha(data, grid)))
        around = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
        grid = np.linspace(*around, _REFINED)
    values = _profile_alpha(data, grid)
    best = int(np.argmax(values))
    if _profile_alpha(data, _GRID[:1])[0] >= values[best] - _NO_GAIN:
        grid, best = _GRID, 0
    alpha = grid[best : best + 1]
    rates = [_solve_rate(*data.select(g), alpha)[0] for g in range(data.groups)]
    return RateFit(np.array(rates), float(alpha[0]), float(values.max()))


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


def _profile_alpha(data: Counts, alphas: FloatArray) -> FloatArray:
    """Return (a,) log-likelihoods with the best rates for each alpha."""
    total = np.zeros(alphas.size)
    for stratum in range(data.groups):
        counts, exposures = data.select(stratum)
        rates = _solve_rate(counts, exposures, alphas)
        total += _log_likelihood(counts, rates[:, None] * exposures, alphas)
    return total


def _solve_rate(counts: IntArray, exposures: FloatArray, alphas: FloatArray) -> FloatArray:
    """Return (a,) rates that solve sum (x - b E) / (1 + alpha b E) = 0; 0 for counts all zero."""
    if not counts.any():
        return np.zeros(alphas.size)
    log_rates = np.full(alphas.size, np.log(counts.sum() / exposures.sum()))
    for _ in range(_NEWTON_STEPS):
        means = np.exp(log_rates)[:, None] * exposures
        spread = 1 + alphas[:, None] * means
        score = ((counts - means) / spread).sum(axis=1)
        slope = (means * (1 + alphas[:, None] * counts) / spread**2).sum(axis=1)
        step = np.clip(score / slope, -1, 1)
        log_rates = log_rates + step
        if np.abs(step).max() < 1e-12:
            break
    return np.asarray(np.exp(log_rates), dtype=np.float64)


def _log_likelihood(counts: IntArray, means: FloatArray, alphas: FloatArray) -> FloatArray:
    """Return (a,) sums over draws; means : (a, n)."""
    safe = np.maximum(means, 1e-300)
    poisson = counts * np.log(safe) - means - gammaln(counts + 1)
    dispersed = alphas > _LEAST_ALPHA
    a = np.where(dispersed, alphas, 1.0)[:, None]
    size = 1 / a
    binomial = (
        gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
        + counts * np.log(a * safe) - (counts + size) * np.log1p(a * means)
    )  # fmt: skip
    chosen = np.where(dispersed[:, None], binomial, poisson)
    return np.asarray(np.where((means == 0) & (counts == 0), 0.0, chosen).sum(axis=1))


def _fix_rate(data: Counts, stratum: int, rate: float) -> float:
    """Return the log-likelihood with one stratum's rate fixed, the rest at its best."""
    grid = _GRID
    for _ in range(_REFINEMENTS):
        values = _fixed_profile(data, stratum, rate, grid)
        best = int(np.argmax(values))
        around = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
        grid = np.linspace(*around, _REFINED)
    return float(_fixed_profile(data, stratum, rate, grid).max())


def _fixed_profile(data: Counts, stratum: int, rate: float, alphas: FloatArray) -> FloatArray:
    total = np.zeros(alphas.size)
    for group in range(data.groups):
        counts, exposures = data.select(group)
        fixed = np.full(alphas.size, rate)
        rates = fixed if group == stratum else _solve_rate(counts, exposures, alphas)
        total += _log_likelihood(counts, rates[:, None] * exposures, alphas)
    return total


def _cross(
    profile: Callable[[float], float], fit: RateFit, *, estimate: float, start: float, cutoff: float
) -> Limits:
    """Return where the deviance reaches the cut-off, below and above the estimate."""

    def excess(x: float) -> float:
        return 2 * (fit.log_likelihood - profile(x)) - cutoff

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
            return float(np.exp(brentq(excess, inside, outside, xtol=1e-9)))
        inside, travelled, step = outside, travelled + step, min(2 * step, 2.0)
    return None


def _maximise(profile: Callable[[float], float]) -> float:
    """Return the argument of a smooth maximum near 0, by widening and then golden steps."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda x: -profile(x), bracket=(-0.5, 0.5), tol=1e-10)
    return float(found.x)
