"""Donors' counts to a background: its rate b and dispersion alpha by maximum likelihood.

X_i ~ NB(b E_i, alpha), always: a test of dispersion first has no power with 20 donors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from chc_gating.counting.background_distribution import find_log_probability
from chc_gating.model.events import FloatArray

_ALPHAS = np.geomspace(1e-3, 300.0, 24)
"""Where the profile likelihood is looked at before its top is closed in on."""
_ALPHA_ENDS = (1e-6, 1e4)
_MOST_STEPS = 100
_ACCURACY = 1e-13
_FEW = 200


@dataclass(frozen=True)
class BackgroundFits:
    """Fits of many sets of donors; each array has one element a set, shape (s,).

    rate : b, events per unit of exposure. alpha : dispersion, 0 where it tends to 0.
    events, exposure : the sums over the donors.
    """

    rate: FloatArray
    alpha: FloatArray
    events: FloatArray
    exposure: FloatArray

    def predict(self, exposure: float) -> tuple[FloatArray, FloatArray]:
        """Return mean and alpha of the background that a draw of this exposure will have.

        NB(b E, alpha); where alpha tends to 0 or all counts are 0 the Jeffreys predictive
        NB(K + 1/2, sum E / (sum E + E)): the Poisson rate is known from K events only. Its
        mean is (K + 1/2) E / sum E and its dispersion 1 / (K + 1/2).
        """
        shape = self.events + 0.5
        fitted = self.alpha > 0
        mean = np.where(fitted, self.rate * exposure, shape * exposure / self.exposure)
        return mean, np.where(fitted, self.alpha, 1 / shape)


def fit_backgrounds(counts: FloatArray, exposures: FloatArray) -> BackgroundFits:
    """Fit every set of donors.

    Parameters
    ----------
    counts : (s, n) whole numbers, n donors a set. exposures : (s, n), above 0, any unit.

    The profile likelihood of alpha is looked at on a grid; about its highest point the zero of
    its slope is closed in on. The rate is the zero of its own score at each alpha.
    """
    counts, exposures = np.asarray(counts, np.float64), np.asarray(exposures, np.float64)
    events, total = counts.sum(axis=1), exposures.sum(axis=1)
    # Exposures relative to their mean: the fit does not depend on their unit.
    relative = exposures / exposures.mean(axis=1, keepdims=True)
    rate, alpha = events / counts.shape[1], np.zeros(len(counts))
    some = _find_scatter(counts, relative) > 0
    if some.any():
        rate[some], alpha[some] = _fit_dispersed(counts[some], relative[some])
    return BackgroundFits(rate * counts.shape[1] / total, alpha, events, total)


def _find_scatter(counts: FloatArray, relative: FloatArray) -> FloatArray:
    """Return the score for alpha at alpha = 0, sum of (x - mu)^2 - x; above 0: alpha is too.

    Without it alpha tends to 0 (Levin and Reeds 1977, Ann. Statist. 5, 79, for equal exposures).
    """
    means = relative * counts.mean(axis=1, keepdims=True)
    scatter: FloatArray = ((counts - means) ** 2 - counts).sum(axis=1)
    return scatter


def _fit_dispersed(counts: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    heights = np.stack(
        [_find_height(counts, relative, np.full(len(counts), alpha)) for alpha in _ALPHAS], axis=1
    )
    ends = np.log(np.concatenate([_ALPHA_ENDS[:1], _ALPHAS, _ALPHA_ENDS[1:]]))
    best = heights.argmax(axis=1)
    alphas = np.exp(_find_top(counts, relative, low=ends[best], high=ends[best + 2]))
    return _fit_rates(counts, relative, alphas), alphas


def _find_height(counts: FloatArray, relative: FloatArray, alphas: FloatArray) -> FloatArray:
    means = _fit_rates(counts, relative, alphas)[:, None] * relative
    height: FloatArray = find_log_probability(counts, means, alphas[:, None]).sum(axis=1)
    return height


def _fit_rates(counts: FloatArray, relative: FloatArray, alphas: FloatArray) -> FloatArray:
    """Return the rate at which sum (x - mu) / (1 + alpha mu) is 0, by Newton steps in log b."""
    alpha = alphas[:, None]
    log_rate = np.log(counts.mean(axis=1))
    for _ in range(_MOST_STEPS):
        means = np.exp(log_rate)[:, None] * relative
        spread = 1 + alpha * means
        score = ((counts - means) / spread).sum(axis=1)
        slope = (means * (1 + alpha * counts) / spread**2).sum(axis=1)
        step = np.clip(score / slope, -1, 1)
        log_rate = log_rate + step
        if np.abs(step).max() < _ACCURACY:
            break
    return np.asarray(np.exp(log_rate))


def _find_top(
    counts: FloatArray, relative: FloatArray, *, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return log alpha at which the profile's slope is 0, by false position (Illinois)."""
    at_low = _find_slope(counts, relative, low)
    at_high = _find_slope(counts, relative, high)
    point = (low + high) / 2
    for _ in range(_MOST_STEPS):
        at_point = _find_slope(counts, relative, point)
        upward = at_point > 0
        # The end that stays is halved, so that it is left in the next step or the one after.
        at_low, at_high = (
            np.where(upward, at_point, at_low / 2),
            np.where(upward, at_high / 2, at_point),
        )
        low, high = np.where(upward, point, low), np.where(upward, high, point)
        following = high - at_high * (high - low) / (at_high - at_low)
        moved = np.abs(following - point).max()
        point = following
        if moved < _ACCURACY:
            break
    return point


def _find_slope(counts: FloatArray, relative: FloatArray, log_alpha: FloatArray) -> FloatArray:
    """Return the slope of the profile log-likelihood in alpha."""
    alphas = np.exp(log_alpha)
    alpha = alphas[:, None]
    means = _fit_rates(counts, relative, alphas)[:, None] * relative
    spread = 1 + alpha * means
    parts = np.log1p(alpha * means) / alpha**2 - (counts + 1 / alpha) * means / spread
    slope: FloatArray = (_grow(counts, alpha) + parts).sum(axis=1)
    return slope


def _grow(counts: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return the sum of j / (1 + alpha j) over j below the count."""
    most = int(counts.max(initial=0))
    if most > _FEW:
        size = 1 / alpha
        return np.asarray(size * counts - size**2 * (digamma(counts + size) - digamma(size)))
    total = np.zeros(counts.shape)
    for unit in range(1, most):
        total = total + np.where(counts > unit, unit / (1 + alpha * unit), 0.0)
    return total
