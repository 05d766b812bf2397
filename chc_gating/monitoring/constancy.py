"""Are the draws of a series one rate? Homogeneity, the newest draw, an exploratory split."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, gammaln, xlogy

from chc_gating.monitoring.distributions import FloatArray, find_negative_binomial_tails

SEED = 20_240_501
REPLICATES = 20_000
_MOST_OUTCOMES = 200_000


@dataclass(frozen=True)
class Constancy:
    """A test that all draws have one rate; ``method`` says how the exact p was found."""

    chi2: float
    degrees: int
    p_pearson: float
    p_exact: float
    method: str


def check_constancy(counts: FloatArray, exposures_ml: FloatArray) -> Constancy | None:
    """Return Pearson's test of one rate and its exact form given the sum (multinomial).

    The exact p is the chance, given the sum, of a Pearson statistic at least as large: over all
    outcomes where they are few, else by seeded simulation. None for fewer than 2 draws or no
    event.
    """
    if len(counts) < 2 or counts.sum() == 0:
        return None
    shares = exposures_ml / exposures_ml.sum()
    total = int(counts.sum())
    chi2 = _statistic(counts[None, :], shares)[0]
    outcomes = math.comb(total + len(counts) - 1, len(counts) - 1)
    if outcomes <= _MOST_OUTCOMES:
        p_exact, method = _enumerate(total, shares, chi2), "all outcomes"
    else:
        samples = np.random.default_rng(SEED).multinomial(total, shares, size=REPLICATES)
        beyond = int((_statistic(samples.astype(float), shares) >= chi2 - 1e-9).sum())
        p_exact, method = (beyond + 1) / (REPLICATES + 1), f"{REPLICATES:,} simulations"
    degrees = len(counts) - 1
    return Constancy(float(chi2), degrees, float(chdtrc(degrees, chi2)), p_exact, method)


def _statistic(counts: FloatArray, shares: FloatArray) -> FloatArray:
    expected = counts.sum(axis=1, keepdims=True) * shares
    return np.asarray(((counts - expected) ** 2 / expected).sum(axis=1))


def _enumerate(total: int, shares: FloatArray, observed: float) -> float:
    """Return the chance of a statistic of at least ``observed``, over all outcomes."""
    used, chi2, log_mass = np.zeros(1, np.int64), np.zeros(1), np.full(1, gammaln(total + 1))
    for index, share in enumerate(shares):
        left = total - used
        if index == len(shares) - 1:
            parts, rows = left, np.arange(len(used))
        else:
            rows = np.repeat(np.arange(len(used)), left + 1)
            starts = np.cumsum(left + 1) - (left + 1)
            parts = np.arange(len(rows)) - starts[rows]
        expected = total * share
        chi2 = chi2[rows] + (parts - expected) ** 2 / expected
        log_mass = log_mass[rows] + xlogy(parts, share) - gammaln(parts + 1)
        used = used[rows] + parts
    return min(1.0, float(np.exp(log_mass[chi2 >= observed - 1e-9]).sum()))


def predict_newest(
    count: int, exposure_ml: float, *, earlier_count: int, earlier_exposure_ml: float
) -> tuple[float, float]:
    """Return P(a count as low) and P(a count as high) as the newest, given earlier draws.

    Predictive under Jeffreys' prior: NB(K + 1/2, E / (E + e)), K events in E mL before, e mL now.
    """
    share = earlier_exposure_ml / (earlier_exposure_ml + exposure_ml)
    return find_negative_binomial_tails(count, size=earlier_count + 0.5, share=share)


@dataclass(frozen=True)
class Split:
    """The likeliest split of a series in two rates: exploratory, found by looking."""

    index: int
    log_likelihood_gain: float
    p_simulated: float


def find_split(counts: FloatArray, exposures_ml: FloatArray) -> Split | None:
    """Return the likeliest change point; its p allows for the search (seeded simulation).

    ``index`` is the first draw of the second part. None for fewer than 4 draws or no event.
    """
    if len(counts) < 4 or counts.sum() == 0:
        return None
    gains = _find_gains(counts[None, :], exposures_ml)[0]
    shares = exposures_ml / exposures_ml.sum()
    samples = np.random.default_rng(SEED).multinomial(int(counts.sum()), shares, size=REPLICATES)
    best = _find_gains(samples.astype(float), exposures_ml).max(axis=1)
    p = (int((best >= gains.max() - 1e-9).sum()) + 1) / (REPLICATES + 1)
    return Split(int(gains.argmax()) + 1, float(gains.max()), p)


def _find_gains(counts: FloatArray, volumes: FloatArray) -> FloatArray:
    before, volume = counts.cumsum(axis=1)[:, :-1], volumes.cumsum()[:-1]
    total, whole = counts.sum(axis=1, keepdims=True), volumes.sum()
    after, rest = total - before, whole - volume
    split = xlogy(before, before / volume) + xlogy(after, after / rest)
    return np.asarray(split - xlogy(total, total / whole))
