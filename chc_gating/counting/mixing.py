"""Uncertain factors of an exposure as grids of possible values with their probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, betaln

from chc_gating.model.events import FloatArray

_TAIL_PROBABILITY = 1e-17
_TAIL_SIGMAS = 8.5
_STEP = 0.4
"""Grid step as a part of the narrowest thing on the axis.

The trapezoid rule on an analytic function that decays at both ends converges exponentially; at
this step its error is below 1e-10 (measured against steps five times finer, tests/counting).
"""
_WIDEST_FEATURE = 0.5
_LEAST_SHARE = 1e-280
"""Below it a share has no logarithm; only a Beta of shape under .06 has mass there."""
MOST_NODES = 20_001
"""Enough for counts of 10 million; beyond them a limit is coarser, by 1e-4 of its distance."""


@dataclass(frozen=True)
class Mixture:
    """Possible values of a quantity and their probabilities.

    values : (q,) float64, positive.
    weights : (q,) float64, summing to 1.
    """

    values: FloatArray
    weights: FloatArray

    def times(self, factor: float) -> Mixture:
        """Return the mixture of the quantity times a number that is exact."""
        return Mixture(self.values * factor, self.weights)

    @property
    def cv(self) -> float:
        """The coefficient of variation; 0 where the quantity is exact."""
        if self.is_exact:
            return 0.0
        mean = float(self.values @ self.weights)
        return float(np.sqrt((self.values - mean) ** 2 @ self.weights)) / mean

    @property
    def is_exact(self) -> bool:
        """Whether there is one possible value only."""
        return self.values.size == 1


def exact(value: float) -> Mixture:
    """Return the mixture of a quantity that is known exactly."""
    return Mixture(np.array([value]), np.ones(1))


def mix_recovery(
    recovered: float, lost: float, *, shape: float, most_nodes: int = MOST_NODES
) -> Mixture:
    """Return R ~ Beta(recovered + 1/2, lost + 1/2), the recovery given its spiked cells.

    Parameters
    ----------
    recovered, lost : spiked cells that were found again and that were not; ``recovered`` > 0.
    shape : shape of the Gamma distribution that will be mixed over R; the larger, the finer the
        grid, since its distribution function is a step of relative width shape ** -1/2.
    most_nodes : limit of the grid's size.

    Examples
    --------
    >>> recovery = mix_recovery(750, 250, shape=12)
    >>> round(float(recovery.values @ recovery.weights), 6)
    0.74975
    """
    return mix_beta(recovered + 0.5, lost + 0.5, shape=shape, most_nodes=most_nodes)


def mix_beta(a: float, b: float, *, shape: float, most_nodes: int = MOST_NODES) -> Mixture:
    """Return a quantity with the distribution Beta(a, b).

    ``shape`` and ``most_nodes`` as for `mix_recovery`.
    """
    bottom, top = _find_end(a, b), _find_end(b, a)
    low, high = np.log(bottom) - np.log1p(-bottom), np.log1p(-top) - np.log(top)
    spread = (1 / a + 1 / b) ** 0.5
    logit = _grid(low, high, feature=min(spread, shape**-0.5), most=most_nodes)
    log_kept, log_lost = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    return Mixture(np.exp(log_kept), _normalise(a * log_kept + b * log_lost))


def mix_lognormal(sigma: float, *, shape: float, most_nodes: int = MOST_NODES) -> Mixture:
    """Return a log-normal factor of median 1; ``sigma`` is the SD of its logarithm.

    ``shape`` and ``most_nodes`` as for `mix_recovery`.
    """
    if sigma == 0:
        return exact(1.0)
    feature = min(1.0, shape**-0.5 / sigma, 0.5 / sigma)
    z = _grid(-_TAIL_SIGMAS, _TAIL_SIGMAS, feature=feature, most=most_nodes)
    return Mixture(np.exp(sigma * z), _normalise(-0.5 * z * z))


def _find_end(a: float, b: float) -> float:
    """Return the share below which a Beta distribution has next to nothing.

    scipy's quantile is NaN for some shapes near 1 (a 1.0467, b .4005); there the first term of
    the distribution's series at 0, x^a / (a B(a, b)), is good enough for the end of a grid.
    """
    found = float(betaincinv(a, b, _TAIL_PROBABILITY))
    if np.isnan(found):
        found = float(np.exp((np.log(_TAIL_PROBABILITY * a) + betaln(a, b)) / a))
    return max(found, _LEAST_SHARE)


def _grid(low: float, high: float, *, feature: float, most: int) -> FloatArray:
    step = _STEP * min(feature, _WIDEST_FEATURE)
    nodes = min(int((high - low) / step) + 2, most)
    return np.linspace(low, high, nodes)


def _normalise(log_density: FloatArray) -> FloatArray:
    density = np.exp(log_density - log_density.max())
    return np.asarray(density / density.sum(), dtype=np.float64)
