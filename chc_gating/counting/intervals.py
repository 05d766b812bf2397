"""Intervals of a rate from a count: Garwood, and its mixture over an uncertain exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc, gammaincinv, gammaln

from chc_gating.counting.mixing import Mixture

CONFIDENCE = 0.95
_RELATIVE_ACCURACY = 1e-12
_MOST_STEPS = 200


@dataclass(frozen=True)
class RateInterval:
    """Two-sided limits of a rate and its one-sided upper limit, per unit of the exposure."""

    low: float
    high: float
    upper: float


def find_rate_interval(
    count: int, exposure: Mixture, *, confidence: float = CONFIDENCE
) -> RateInterval:
    """Return the limits of count / exposure where the exposure may be uncertain.

    The lower limit is a quantile of Gamma(count) / exposure, the upper of
    Gamma(count + 1) / exposure, mixed over the exposure. With an exposure that is exact these
    are the exact limits of a Poisson mean (Garwood 1936, Biometrika 28, 437), scaled. A count of
    0 has the lower limit 0.

    Examples
    --------
    >>> from chc_gating.counting.mixing import exact
    >>> interval = find_rate_interval(12, exact(1.0))
    >>> round(interval.low, 6), round(interval.high, 6)
    (6.200575, 20.961585)
    """
    tail = (1 - confidence) / 2
    low = find_mixture_quantile(tail, count, exposure) if count > 0 else 0.0
    return RateInterval(
        low=low,
        high=find_mixture_quantile(1 - tail, count + 1, exposure),
        upper=find_mixture_quantile(confidence, count + 1, exposure),
    )


def find_jeffreys_quantile(probability: float, count: int, exposure: Mixture) -> float:
    """Return a quantile of the rate's posterior under Jeffreys' prior, rate ** -1/2.

    The count speaks of the exposure too: the joint posterior of rate and exposure weighs each
    exposure by exposure ** -1/2, and given it the rate is Gamma(count + 1/2) / exposure.

    An extra, never the interval of a report: its coverage falls to .905.
    """
    weights = exposure.weights * exposure.values**-0.5
    posterior = Mixture(exposure.values, weights / weights.sum())
    return find_mixture_quantile(probability, count + 0.5, posterior)


def find_midp_quantile(probability: float, count: int, exposure: Mixture) -> float:
    """Return the rate at which the mid-p distribution function of a count has a probability.

    P(X > count) + P(X = count) / 2 is the mean of the distribution functions of Gamma(count) and
    Gamma(count + 1) (Lancaster 1961, J Am Stat Assoc 56, 223), mixed over the exposure; for a
    count of 0 the first is 1, so that a probability up to 1/2 gives 0.

    An extra, never the interval of a report: its coverage falls to .917 (3 events expected).

    Examples
    --------
    >>> from chc_gating.counting.mixing import exact
    >>> round(find_midp_quantile(0.975, 0, exact(1.0)), 6)
    2.995732
    """
    if count == 0:
        return find_mixture_quantile(2 * probability - 1, 1, exposure) if probability > 0.5 else 0.0
    low = float(np.log(find_mixture_quantile(probability, count, exposure)))
    high = float(np.log(find_mixture_quantile(probability, count + 1, exposure)))
    while high - low > _RELATIVE_ACCURACY:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        shares = [_distribution(middle, shape, exposure)[0] for shape in (count, count + 1)]
        low, high = (middle, high) if sum(shares) / 2 < probability else (low, middle)
    return float(np.exp((low + high) / 2))


@dataclass(frozen=True)
class ExtraLimits:
    """Two-sided limits of a rate by Jeffreys' posterior and by mid-p: extras."""

    jeffreys_low: float
    jeffreys_high: float
    midp_low: float
    midp_high: float


def find_extra_limits(
    count: int, exposure: Mixture, *, confidence: float = CONFIDENCE
) -> ExtraLimits:
    """Return the labelled extras of `find_rate_interval`; a count of 0 has lower limits of 0.

    Both are narrower and cover less than they say at small counts.
    """
    tail = (1 - confidence) / 2
    return ExtraLimits(
        jeffreys_low=find_jeffreys_quantile(tail, count, exposure) if count else 0.0,
        jeffreys_high=find_jeffreys_quantile(1 - tail, count, exposure),
        midp_low=find_midp_quantile(tail, count, exposure),
        midp_high=find_midp_quantile(1 - tail, count, exposure),
    )


def find_mixture_quantile(probability: float, shape: float, exposure: Mixture) -> float:
    """Return x with P(Gamma(shape) / exposure <= x) = probability, to 1e-8 relative or better.

    Newton steps on log x, halving the bracket where a step would leave it.
    """
    at_one = float(gammaincinv(shape, probability))
    if exposure.is_exact:
        return at_one / float(exposure.values[0])
    low = np.log(at_one / exposure.values.max())
    high = np.log(at_one / exposure.values.min())
    point = float(np.log(at_one / (exposure.values @ exposure.weights)))
    for _ in range(_MOST_STEPS):
        excess, slope = _distribution(point, shape, exposure)
        excess -= probability
        low, high = (low, point) if excess > 0 else (point, high)
        step = excess / slope if slope > 0 else np.inf
        following = point - step if low < point - step < high else (low + high) / 2
        if abs(following - point) <= _RELATIVE_ACCURACY:
            return float(np.exp(following))
        point = float(following)
    raise ArithmeticError(f"no quantile {probability} of a Gamma mixture of shape {shape}")


def _distribution(log_rate: float, shape: float, exposure: Mixture) -> tuple[float, float]:
    """Return the mixture's distribution function at a rate, and its slope per log rate."""
    means = np.exp(log_rate) * exposure.values
    # A subnormal mean has no mass left to give; its logarithm would be a warning.
    log_density = shape * np.log(np.maximum(means, 1e-300)) - means - gammaln(shape)
    share = exposure.weights @ gammainc(shape, means)
    return float(share), float(exposure.weights @ np.exp(log_density))
