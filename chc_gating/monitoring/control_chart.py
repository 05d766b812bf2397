"""Control charts of a series: Poisson CUSUM and EWMA, with their average run lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import gammaln, xlogy

from chc_gating.monitoring.rules import MonitorRules

SEED = 20_240_502
_STATES = 400
_RUNS = 2_000
_LONGEST_RUN = 20_000


def find_reference(low_per_ml: float, high_per_ml: float) -> float:
    """Return the CUSUM's reference per mL between two rates (Lucas 1985, Technometrics 27, 129).

    Examples
    --------
    >>> round(find_reference(0.8, 1.6), 6)
    1.154156
    """
    return (high_per_ml - low_per_ml) / math.log(high_per_ml / low_per_ml)


def run_cusum(
    counts: Sequence[float], exposures_ml: Sequence[float], *, reference_per_ml: float
) -> list[float]:
    """Return S of every draw, S = max(0, S + k - reference E), from 0; it is not reset."""
    values, total = [], 0.0
    for count, volume in zip(counts, exposures_ml, strict=True):
        total = max(0.0, total + count - reference_per_ml * volume)
        values.append(total)
    return values


@cache
def find_cusum_run_length(mean: float, *, reference: float, h: float) -> float:
    """Return the average number of draws until S exceeds h, from S = 0, for a Poisson mean.

    A Markov chain over cells of S (Brook & Evans 1972, Biometrika 59, 539), S = 0 a state of its
    own and each cell shared with its neighbour by its distance from their centres.
    """
    grid = np.linspace(0.0, h, _STATES + 1)
    counts = np.arange(int(mean + reference + h + 12 * math.sqrt(mean + 1) + 30))
    mass = np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1))
    moves = np.zeros((len(grid), len(grid)))
    states = np.arange(len(grid))
    for count, chance in zip(counts, mass, strict=True):
        value = np.maximum(grid + count - reference, 0.0)
        stays = value <= h
        place = value[stays] / grid[1]
        left = np.minimum(place.astype(int), _STATES - 1)
        np.add.at(moves, (states[stays], left), chance * (left + 1 - place))
        np.add.at(moves, (states[stays], left + 1), chance * (place - left))
    return float(np.linalg.solve(np.eye(len(grid)) - moves, np.ones(len(grid)))[0])


def run_ewma(
    counts: Sequence[float],
    exposures_ml: Sequence[float],
    *,
    rate_per_ml: float,
    weight: float,
    width: float,
) -> tuple[list[float], list[float]]:
    """Return the weighted mean rate per mL of every draw, and its upper limit there.

    z = (1 - w) z + w k / E from the rate of no change; the limit is the rate plus ``width``
    standard deviations of z by Poisson counting at each draw's own exposure (Borror, Champ &
    Rigdon 1998, J Qual Technol 30, 352).
    """
    values, limits, mean, variance = [], [], rate_per_ml, 0.0
    for count, volume in zip(counts, exposures_ml, strict=True):
        mean = (1 - weight) * mean + weight * count / volume
        variance = (1 - weight) ** 2 * variance + weight**2 * rate_per_ml / volume
        values.append(mean)
        limits.append(rate_per_ml + width * math.sqrt(variance))
    return values, limits


@dataclass(frozen=True)
class ChartPoint:
    """Where a draw stands in both charts, and whether the one that alarms gives a signal."""

    cusum: float
    ewma_per_ml: float
    ewma_limit_per_ml: float
    signal: bool


def run_charts(
    counts: Sequence[float],
    exposures_ml: Sequence[float],
    *,
    low_per_ml: float,
    rules: MonitorRules,
) -> list[ChartPoint]:
    """Return every draw's place in the charts whose rate of no change is ``low_per_ml``."""
    reference = find_reference(low_per_ml, low_per_ml * rules.cusum_ratio)
    sums = run_cusum(counts, exposures_ml, reference_per_ml=reference)
    means, limits = run_ewma(
        counts,
        exposures_ml,
        rate_per_ml=low_per_ml,
        weight=rules.ewma_weight,
        width=rules.ewma_width,
    )
    by_cusum = rules.alarm_rule == "cusum"
    return [
        ChartPoint(total, mean, limit, total > rules.cusum_h if by_cusum else mean > limit)
        for total, mean, limit in zip(sums, means, limits, strict=True)
    ]


@cache
def find_ewma_run_length(
    mean: float, *, base_mean: float, weight: float, width: float
) -> tuple[float, float]:
    """Return the average number of draws to the EWMA's alarm and its standard error.

    By seeded simulation at one exposure; ``mean`` is a draw's true mean count, ``base_mean`` the
    one of no change. A run that has not ended after 20,000 draws counts as that long.
    """
    generator = np.random.default_rng(SEED)
    values, variance = np.full(_RUNS, base_mean), 0.0
    lengths, alive = np.zeros(_RUNS), np.ones(_RUNS, dtype=bool)
    for _ in range(_LONGEST_RUN):
        variance = (1 - weight) ** 2 * variance + weight**2 * base_mean
        lengths[alive] += 1
        values[alive] = (1 - weight) * values[alive] + weight * generator.poisson(mean, alive.sum())
        alive &= values <= base_mean + width * math.sqrt(variance)
        if not alive.any():
            break
    return float(lengths.mean()), float(lengths.std(ddof=1) / math.sqrt(_RUNS))
