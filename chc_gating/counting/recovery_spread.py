"""Spike draws that differ by more than counting: the recovery of a new draw (beta-binomial)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, gammaln, log_expit, logit, logsumexp

from chc_gating.model.events import FloatArray
from chc_gating.model.exposure import BetaShape

_LOG_PRECISION = (-4.0, 16.0)
"""Bounds of log(a + b): from recoveries that are all or none, to those that do not differ."""
_WINDOW_SIGMAS = 12.0
_PRECISION_NODES, _MEAN_NODES, _MEAN_ERRORS = 41, 49, 10.0
"""Grid of what is integrated over: its steps are below the width of any likelihood (tests hold it
against one ten times as fine)."""


@dataclass(frozen=True)
class SpikeReplicate:
    """Cells recovered of those spiked into one draw, looked for in a share of its blood."""

    recovered: int
    spiked: int
    examined_share: float = 1.0


def predict_recovery(replicates: Sequence[SpikeReplicate]) -> BetaShape | None:
    """Return the distribution of a new draw's recovery; None without over-dispersion.

    The recoveries R_i of the draws are Beta(a, b), the cells found binomial given them. What a few
    draws leave open of a and b is integrated over: Jeffreys' prior of the mean, and the weak prior
    that a between-draw SD may be any part of the largest possible, sqrt(rho) uniform on 0 to 1 for
    rho = 1/(1 + a + b) (a uniform group-level SD; Gelman 2006, Bayesian Analysis 1, 515, section
    3.2). Returned is the Beta distribution with the mean and the variance of a new draw's R. (With
    a and b at their greatest likelihood instead, five draws that differ widely covered .89.)

    None where the draws differ by no more than counting (`shows_spread`), for fewer than two
    replicates, and where none or all cells were found.

    Examples
    --------
    >>> shape = predict_recovery([SpikeReplicate(k, 100) for k in (60, 75, 90)])
    >>> round(shape.a / (shape.a + shape.b), 2)
    0.74
    """
    pooled = find_pooled_mean(replicates)
    if len(replicates) < 2 or pooled is None or not shows_spread(replicates, pooled):
        return None
    log_precisions = np.linspace(*_LOG_PRECISION, _PRECISION_NODES)
    logits, steps = _place_means(replicates, pooled, log_precisions)
    precisions = np.exp(log_precisions)[:, np.newaxis] * np.ones_like(logits)
    means = expit(logits)
    log_weights = sum(
        _Likelihood.of(one).list_log_probabilities(logits, precisions) for one in replicates
    )
    log_weights = log_weights + _find_log_prior(logits, precisions) + np.log(steps)[:, np.newaxis]
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    mean = float((weights * means).sum())
    within = means * (1 - means) / (1 + precisions)
    variance = float((weights * (within + (means - mean) ** 2)).sum())
    precision = mean * (1 - mean) / variance - 1
    return BetaShape(a=mean * precision, b=(1 - mean) * precision)


def _place_means(
    replicates: Sequence[SpikeReplicate], mean: float, log_precisions: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return logits (p, q) of means that are possible at each precision, and their steps (p,).

    Ten standard errors about the pooled mean: n cells that differ by rho tell as much of it as
    n / (1 + (n - 1) rho).
    """
    rho = 1 / (1 + np.exp(log_precisions))
    sizes = [_find_size(one, mean) for one in replicates]
    surely = sum(n / (1 + (n - 1) * rho) if n > 1 else n + 0 * rho for n in sizes)
    errors = 1 / np.sqrt(np.asarray(surely) * mean * (1 - mean) + 1)
    steps = 2 * _MEAN_ERRORS * errors / (_MEAN_NODES - 1)
    places = np.linspace(-1, 1, _MEAN_NODES)
    return logit(mean) + _MEAN_ERRORS * errors[:, np.newaxis] * places, steps


def _find_log_prior(logits: FloatArray, precisions: FloatArray) -> FloatArray:
    """Return the logarithm of the prior per unit of logit mean and of log precision."""
    jeffreys = 0.5 * (log_expit(logits) + log_expit(-logits))
    rho = 1 / (1 + precisions)
    return np.asarray(jeffreys + np.log(rho * (1 - rho)) - 0.5 * np.log(rho))


def find_pooled_mean(replicates: Sequence[SpikeReplicate]) -> float | None:
    """Return the recovery as if all cells were of one draw; None where it is 0, 1 or more."""
    found = sum(one.recovered for one in replicates)
    sought = sum(one.spiked * min(one.examined_share, 1.0) for one in replicates)
    return found / sought if 0 < found < sought else None


def shows_spread(replicates: Sequence[SpikeReplicate], mean: float) -> bool:
    """Return whether draws differ by more than counting: whether the likelihood rises from rho 0.

    The score for rho at 0 (Tarone 1979, Biometrika 66, 585), sum of S (S - 1) / R +
    L (L - 1) / (1 - R) - n (n - 1), S survivors and L lost of n cells, R the pooled recovery.
    Where a share of the blood was examined, S and L are expectations given the cells found.
    """
    return sum(_find_score(one, mean) for one in replicates) > 0


def _find_score(one: SpikeReplicate, mean: float) -> float:
    n, found, share = one.spiked, one.recovered, min(one.examined_share, 1.0)
    unseen = n - found
    survived = mean * (1 - share) / (1 - mean * share)  # the chance of a cell that was not found
    pairs_kept = found * (found - 1) + 2 * found * unseen * survived
    pairs_kept += unseen * (unseen - 1) * survived**2
    pairs_lost = unseen * (unseen - 1) * (1 - survived) ** 2
    return pairs_kept / mean + pairs_lost / (1 - mean) - n * (n - 1)


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

    def list_log_probabilities(self, logits: FloatArray, precisions: FloatArray) -> FloatArray:
        """Return the logarithms of the beta-binomial probability, thinned by the share.

        logits, precisions : of one shape, logit means and precisions.
        """
        a, b = precisions * expit(logits), precisions * expit(-logits)
        s, k = float(self.spiked), self.survivors.reshape(-1, *[1] * logits.ndim)
        thinning = self.log_thinning.reshape(k.shape)
        log_survived = _log_choose(np.array(s), k) + betaln(k + a, s - k + b) - betaln(a, b)
        return np.asarray(logsumexp(log_survived + thinning, axis=0))


def _find_size(one: SpikeReplicate, mean: float) -> float:
    """Return how many cells, all looked for, would tell as much of R as this replicate does."""
    share = min(one.examined_share, 1.0)
    return one.spiked * share * (1 - mean) / (1 - share * mean)


def _log_choose(n: FloatArray, k: FloatArray | int) -> FloatArray:
    chosen = gammaln(n + 1) - gammaln(np.asarray(k) + 1.0) - gammaln(n - k + 1)
    return np.asarray(chosen, dtype=np.float64)
