"""Spike draws that differ by more than counting: the recovery of a new draw (beta-binomial)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, gammaln, logit, logsumexp

from chc_gating.model.events import FloatArray
from chc_gating.model.exposure import BetaShape

_LOG_PRECISION = (-4.0, 16.0)
"""Bounds of log(a + b): from recoveries that are all or none, to those that do not differ."""
_LEAST_GAIN = 1e-3
"""Log-likelihood that a spread must gain over none; less is the optimiser's own accuracy."""
_WINDOW_SIGMAS = 12.0


@dataclass(frozen=True)
class SpikeReplicate:
    """Cells recovered of those spiked into one draw, looked for in a share of its blood."""

    recovered: int
    spiked: int
    examined_share: float = 1.0


def predict_recovery(replicates: Sequence[SpikeReplicate]) -> BetaShape | None:
    """Return the distribution of a new draw's recovery; None without over-dispersion.

    The recoveries R_i of the draws are Beta(a, b), the cells found binomial given them, both
    fitted by maximum likelihood. A new draw's R spreads like them, and their mean is not exactly
    known: 1/precision = 1/(a + b) + 1/(n + 1), n being the number of cells that would give the
    mean as surely, sum of n_i / (1 + (n_i - 1) rho) with rho = 1/(1 + a + b). Without spread n is
    the number of cells spiked, and this is the pooled Beta distribution.

    None too for fewer than two replicates, and where none or all cells were found.
    """
    fitted = fit_spread(replicates)
    if fitted is None:
        return None
    mean, precision = fitted
    rho = 1 / (1 + precision)
    sizes = [_find_size(one, mean) for one in replicates]
    surely = sum(n / (1 + (n - 1) * rho) if n > 1 else n for n in sizes)
    predicted = 1 / (1 / precision + 1 / (surely + 1))
    return BetaShape(a=mean * predicted, b=(1 - mean) * predicted)


def fit_spread(replicates: Sequence[SpikeReplicate]) -> tuple[float, float] | None:
    """Return the mean a/(a + b) and the precision a + b of greatest likelihood.

    None where the likelihood is greatest without spread.
    """
    from scipy.optimize import minimize

    found = sum(one.recovered for one in replicates)
    sought = sum(one.spiked * min(one.examined_share, 1.0) for one in replicates)
    if len(replicates) < 2 or not 0 < found < sought:
        return None
    parts = [_Likelihood.of(one) for one in replicates]

    def lose(point: FloatArray) -> float:
        return -sum(part.log_probability(float(point[0]), float(point[1])) for part in parts)

    start, top = float(logit(found / sought)), _LOG_PRECISION[1]
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000}
    bounds = [(start - 20, start + 20), _LOG_PRECISION]
    best = minimize(lose, [start, 2.0], method="Nelder-Mead", bounds=bounds, options=options)
    none = minimize(
        lambda x: lose(np.array([x[0], top])),
        [start],
        method="Nelder-Mead",
        bounds=bounds[:1],
        options=options,
    )
    if none.fun - best.fun <= _LEAST_GAIN:
        return None
    return float(expit(best.x[0])), math.exp(best.x[1])


@dataclass(frozen=True)
class _Likelihood:
    """Probability of the cells found: of k that survived of s, those in the examined share.

    survivors : (q,) the k that are possible at all; log_thinning : (q,) log Bin(found; k, share).
    """

    spiked: int
    survivors: FloatArray
    log_thinning: FloatArray

    @classmethod
    def of(cls, one: SpikeReplicate) -> _Likelihood:
        """Return the likelihood of one replicate; a share above 1 is all of the blood."""
        found, share = one.recovered, min(one.examined_share, 1.0)
        if share == 1.0:
            return cls(one.spiked, np.array([float(found)]), np.zeros(1))
        middle = min(found / share, one.spiked)
        reach = _WINDOW_SIGMAS * math.sqrt((found + 1) * (1 - share)) / share + 20 / share
        low = max(found, math.floor(middle - reach))
        k = np.arange(low, min(one.spiked, math.ceil(middle + reach)) + 1, dtype=np.float64)
        log_thinning = (
            _log_choose(k, found) + found * math.log(share) + (k - found) * math.log1p(-share)
        )
        return cls(one.spiked, k, log_thinning)

    def log_probability(self, logit_mean: float, log_precision: float) -> float:
        """Return the logarithm of the beta-binomial probability, thinned by the share."""
        precision, k = math.exp(log_precision), self.survivors
        a, b = precision * expit(logit_mean), precision * expit(-logit_mean)
        s = float(self.spiked)
        log_survived = _log_choose(np.array(s), k) + betaln(k + a, s - k + b) - betaln(a, b)
        return float(logsumexp(log_survived + self.log_thinning))


def _find_size(one: SpikeReplicate, mean: float) -> float:
    """Return how many cells, all looked for, would tell as much of R as this replicate does."""
    share = min(one.examined_share, 1.0)
    return one.spiked * share * (1 - mean) / (1 - share * mean)


def _log_choose(n: FloatArray, k: FloatArray | int) -> FloatArray:
    chosen = gammaln(n + 1) - gammaln(np.asarray(k) + 1.0) - gammaln(n - k + 1)
    return np.asarray(chosen, dtype=np.float64)
